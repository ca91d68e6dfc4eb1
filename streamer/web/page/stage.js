// The stage: the portrait, the own picture, and whatever is to be said over them.

import { $, button, icon, make, say } from "./dom.js";
import { notice } from "./notices.js";

const stage = $("stage");
const portrait = $("portrait");
const NUMBER = /^(.*?)[:,]?\s*\(?(\d+)(?: s\))?$/s;
const STEP = /^step (\d+) of (\d+): /;

/** idle, asking, connecting, waking, live, waiting, problem: what of the stage is seen (style.css). */
export function showPhase(phase) {
  stage.dataset.phase = phase;
  $("boot").hidden = true;
  $("welcome").hidden = phase !== "idle";
  const words = {
    asking: "Allow the camera in your browser",
    connecting: "Connecting …",
    again: "Connecting again …",
    waking: "The portrait wakes up …",
  };
  say($("busy"), words[phase] ?? "");
  if (phase !== "live") showPrompt("");
}

/** Grey a button out, or not; it keeps the focus either way. */
export const able = (id, on) => $(id).setAttribute("aria-disabled", String(!on));

/** The buttons of a session that is on, that is live, of which a recording can be made or ended. */
export function showButtons(on, live, recordable) {
  say($("start-text"), on ? "Stop" : "Start");
  $("start-icon").setAttribute("href", on ? "#i-stop" : "#i-play");
  $("start").classList.toggle("on", on);
  for (const id of ["calibrate", "neutral", "guide", "popout", "copy"]) able(id, live);
  able("record", recordable);
  able("panic", on);
}

/** What is wrong, over the stage; null: nothing. `seconds`: a countdown to the next attempt. */
export function showNotice(kind, { message = "", seconds = null, act = {} } = {}) {
  const place = $("notice");
  if (!kind) {
    delete place.dataset.kind;
    place.replaceChildren();
    return;
  }
  if (place.dataset.kind !== kind + message) {
    const hadFocus = place.contains(document.activeElement);
    place.dataset.kind = kind + message;
    place.replaceChildren(card(notice(kind, message), act));
    if (hadFocus) place.querySelector("button, input")?.focus();
  }
  const count = place.querySelector(".count");
  if (count) say(count, seconds === null ? "" : `Next attempt in ${seconds} s`);
}

function card({ kind, icon: name, title, text, steps, action, calm }, act) {
  const body = make("div", { class: `card ${calm ? "calm" : "stern"}` });
  const badge = make("span", { class: "badge" });
  badge.append(icon(name));
  body.append(badge, make("h2", {}, title), make("p", {}, text));
  if (steps) body.append(make("ol", {}, ...steps.map((step) => make("li", {}, step))));
  // the countdown is not spoken each second: the button is there at any time
  if (action === "now") body.append(make("p", { class: "count", "aria-hidden": "true" }));
  if (action === "token") body.append(tokenForm(act));
  const words = { retry: "Try again", now: "Try now", reload: "Load again" }[action];
  if (words) body.append(button(words, () => act[action]?.(), { kind: "solid" }));
  body.dataset.notice = kind;
  return body;
}

function tokenForm(act) {
  const input = make("input", { type: "text", autocomplete: "off", spellcheck: false, required: true, id: "token" });
  const form = make(
    "form",
    { class: "token" },
    make("label", { for: "token" }, "Link or token"),
    make("div", { class: "row" }, input, make("button", { type: "submit", class: "solid" }, "Continue")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) act.token?.(input.value);
  });
  return form;
}

/** A hint that stops nothing; empty: none. */
export function showHint(text) {
  say($("hint"), text);
}

/** What the driver is to do now: "…: 3", "hold still", "step 1 of 4: … (2 s)". */
export function showPrompt(text) {
  const place = $("prompt");
  place.hidden = !text;
  if (!text) return;
  const step = STEP.exec(text);
  const rest = step ? text.slice(step[0].length) : text;
  const counted = NUMBER.exec(rest);
  const words = counted && (step || /: \d+$/.test(rest)) ? counted[1] : rest;
  say($("prompt-count"), words === rest ? "" : counted[2]);
  say($("prompt-text"), inPage(words));
  const dots = $("prompt-steps");
  const now = step ? `${step[1]}/${step[2]}` : "";
  if (dots.dataset.now === now) return;
  dots.dataset.now = now;
  const all = step ? Array.from({ length: Number(step[2]) }, (_, at) => at < Number(step[1])) : [];
  dots.replaceChildren(...all.map((done) => make("i", { class: done ? "done" : "open" })));
}

/** The server names keys of the terminal; here there are buttons. */
export function inPage(text) {
  const words = text.replace(/\bpress c\b/g, "choose Calibrate").replace(/\bpress g\b/g, "choose Guided");
  return words && words[0].toUpperCase() + words.slice(1);
}

/** The face that is chosen: on the welcome, and as the light around the portrait. */
export function showFace({ thumbnail, title }) {
  say($("welcome-title"), `Bring ${title} to life`);
  for (const image of [$("welcome-face"), $("ambience")]) {
    if (image.getAttribute("src") !== thumbnail) image.src = thumbnail;
    image.hidden = false;
  }
}

/** Full screen and picture in picture, where the browser has them. */
export function prepareViews() {
  const full = $("fullscreen");
  const whole = stage.requestFullscreen ?? stage.webkitRequestFullscreen;
  const phone = portrait.webkitEnterFullscreen;
  full.hidden = !whole && !phone;
  full.addEventListener("click", () => {
    const shown = document.fullscreenElement ?? document.webkitFullscreenElement;
    if (shown) (document.exitFullscreen ?? document.webkitExitFullscreen).call(document);
    else if (whole) whole.call(stage)?.catch?.(() => {});
    else phone.call(portrait);
  });
  document.addEventListener("fullscreenchange", () => {
    full.setAttribute("aria-label", document.fullscreenElement ? "Leave full screen" : "Full screen");
  });
  const pip = $("pip");
  const small = document.pictureInPictureEnabled && portrait.requestPictureInPicture;
  pip.hidden = !small;
  pip.addEventListener("click", () => {
    const doing = document.pictureInPictureElement ? document.exitPictureInPicture() : portrait.requestPictureInPicture();
    doing.catch(() => showHint("Picture in picture needs a running portrait."));
  });
}
