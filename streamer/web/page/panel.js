// The controls beside the stage, and what of them goes to the server.

import { $, make, say } from "./dom.js";

/** What each slider moves, by the server's names; the first decides its range. */
const PARTS = {
  mouth: ["Mouth", ["mouth", "jaw", "cheeks"]],
  eyes: ["Eyes", ["eyes", "gaze"]],
  brows: ["Brows", ["brows"]],
  pose: ["Head", ["head", "shift"]],
};
const BACKGROUNDS = { original: "Original", blur: "Blurred", green: "Green", matte: "Plain", image: "Picture" };

/** Events: `change` (controls for the server). Reads and writes `settings`; whoever listens saves. */
export class Panel extends EventTarget {
  constructor(settings) {
    super();
    this._settings = settings;
    this._gains = {};
    this._idle = false;
    this._sliders = {};
    this._makeSliders();
    this._prepare();
  }

  /** What the server can do. Settings that it does not know are dropped. */
  know(setup) {
    this._gains = setup.gains;
    const settings = this._settings;
    if (!setup.backgrounds.includes(settings.background)) {
      settings.background = setup.controls?.background ?? setup.backgrounds[0];
    }
    settings.mirror ??= setup.controls?.mirror ?? false;
    this._makeBackgrounds(setup.backgrounds);
    say($("backdrop-note"), setup.backdropNote);
    $("mirror").checked = settings.mirror;
    for (const part of Object.keys(PARTS)) this._show(part);
  }

  /** Everything a session begins with. */
  controls() {
    const { mirror, background } = this._settings;
    return { gains: this._allGains(), mirror: mirror ?? false, background, idle: this._idle };
  }

  /** Figures in words. */
  tell({ calibration }) {
    if (calibration) say($("calibration"), inWords(calibration));
  }

  _allGains() {
    return Object.assign({}, ...Object.keys(PARTS).map((part) => this._gainsOf(part)));
  }

  /** The server's values: the share times the usual value, within its bounds. */
  _gainsOf(part) {
    const share = this._settings.strength[part];
    const known = PARTS[part][1].filter((name) => this._gains[name]);
    return Object.fromEntries(
      known.map((name) => {
        const [low, high, usual] = this._gains[name];
        return [name, Math.min(high, Math.max(low, Math.round(usual * share * 1000) / 1000))];
      }),
    );
  }

  _tell(controls) {
    this.dispatchEvent(new CustomEvent("change", { detail: controls }));
  }

  _makeSliders() {
    for (const [part, [title]] of Object.entries(PARTS)) {
      const input = make("input", { type: "range", min: 0, max: 200, step: 5, id: `gain-${part}` });
      const output = make("output", { for: input.id });
      input.addEventListener("input", () => {
        this._settings.strength[part] = Number(input.value) / 100;
        this._show(part);
        this._tell({ gains: this._gainsOf(part) });
      });
      this._sliders[part] = { input, output };
      $("sliders").append(make("label", { class: "slider", for: input.id }, make("span", {}, title), input, output));
      this._show(part);
    }
  }

  _show(part) {
    const { input, output } = this._sliders[part];
    const percent = Math.round(this._settings.strength[part] * 100);
    input.value = String(percent);
    input.style.setProperty("--share", `${percent / 2}%`);
    input.setAttribute("aria-valuetext", `${percent} percent`);
    say(output, `${percent} %`);
  }

  _makeBackgrounds(names) {
    const chosen = this._settings.background;
    const chips = names.map((name) => {
      const radio = make("input", { type: "radio", name: "background", value: name, class: "unseen", checked: name === chosen });
      radio.addEventListener("change", () => {
        this._settings.background = name;
        this._tell({ background: name });
      });
      return make("label", { class: `chip back-${name}` }, radio, make("i", { "aria-hidden": "true" }), make("span", {}, BACKGROUNDS[name] ?? name));
    });
    $("backgrounds").replaceChildren(...chips);
  }

  _prepare() {
    $("reset").addEventListener("click", () => {
      for (const part of Object.keys(PARTS)) {
        this._settings.strength[part] = 1;
        this._show(part);
      }
      this._tell({ gains: this._allGains() });
    });
    $("mirror").addEventListener("change", ({ target }) => {
      this._settings.mirror = target.checked;
      this._tell({ mirror: target.checked });
    });
    $("idle").addEventListener("change", ({ target }) => {
      this._idle = target.checked;
      this._tell({ idle: target.checked });
    });
  }
}

function inWords(calibration) {
  if (calibration === "learning") return "It is learnt while you move. Calibrate for the best likeness.";
  return `${calibration[0].toUpperCase()}${calibration.slice(1)}.`;
}
