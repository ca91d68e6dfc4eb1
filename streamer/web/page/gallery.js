// The portraits to choose from. Plain radio buttons: arrow keys, one stop of the tab key, and names
// for screen readers come with them.

import { forget, keep, portrait as askPortrait } from "./api.js";
import { $, button, make, say } from "./dom.js";
import { sentence } from "./notices.js";

const SETTLE_MS = 250;

/** Events: `choose` (name), `add` (the person wants to bring one), `gone` (name was deleted). */
export class Gallery extends EventTarget {
  constructor() {
    super();
    this.portraits = [];
    this.chosen = "";
    this._place = $("gallery");
  }

  /** Show these; `chosen` is the name of the one that is on. */
  show({ portraits, maxUploadBytes, mayKeep }, chosen) {
    this.portraits = portraits.filter((one) => one.state === "ready");
    this._mayKeep = mayKeep;
    const had = this._place.contains(document.activeElement) ? document.activeElement.value : null;
    this._place.replaceChildren(...this.portraits.map((one) => this._card(one)));
    if (maxUploadBytes) {
      const add = button("Your own", () => this.dispatchEvent(new CustomEvent("add")), { name: "plus", kind: "card-add", label: "Your own: add a portrait" });
      add.id = "add";
      this._place.append(add);
    }
    this.mark(chosen);
    if (had) this._place.querySelector(`input[value="${CSS.escape(had)}"]`)?.focus();
  }

  /** The one that is asked for. */
  mark(name) {
    this.chosen = name;
    for (const radio of this._place.querySelectorAll("input")) radio.checked = radio.value === name;
    this._tools();
  }

  /** What is on the stage, and what is being prepared: for the eyes, and in words. */
  tell({ portrait, preparing }) {
    // its neighbours are prepared as well, which is nobody's business
    const wanted = preparing === this.chosen && preparing !== portrait ? this.find(preparing) : undefined;
    for (const card of this._place.querySelectorAll(".face")) {
      card.classList.toggle("waits", card.dataset.name === wanted?.name);
    }
    if (wanted) this._note(`${wanted.title} is being prepared …`);
    else if (this._waited) this._note("");
    this._waited = Boolean(wanted);
  }

  find(name) {
    return this.portraits.find((one) => one.name === name);
  }

  _card(one) {
    const radio = make("input", { type: "radio", name: "portrait", value: one.name, class: "unseen" });
    radio.addEventListener("change", () => this._choose(one.name));
    // the words below the picture are its name
    const picture = make("img", { src: one.thumbnail, alt: "", width: 160, height: 160, loading: "lazy", draggable: false });
    const label = make("label", {}, radio, picture, make("span", {}, one.title));
    return make("div", { class: "face", "data-name": one.name }, label);
  }

  /** What can be done with the chosen one, when the person brought it. */
  _tools() {
    const one = this.find(this.chosen);
    const tools = [];
    if (one?.own && this._mayKeep) {
      const label = `Save ${one.title} on this computer`;
      tools.push(button("Save for good", () => this._keep(one), { name: "keep", kind: "plain small", label }));
    }
    if (one?.own) {
      tools.push(button("Delete", () => this._remove(one), { name: "trash", kind: "plain small", label: `Delete ${one.title}` }));
    }
    $("own-tools").replaceChildren(...tools);
  }

  _note(text) {
    say($("gallery-note"), text);
  }

  _choose(name) {
    this.chosen = name;
    this._tools();
    clearTimeout(this._timer);
    // arrow keys run over several: only the one they stop at is asked for
    this._timer = setTimeout(() => this.dispatchEvent(new CustomEvent("choose", { detail: name })), SETTLE_MS);
  }

  async _remove(one) {
    try {
      await forget(one.name);
      this._note(`${one.title} is deleted.`);
      this.dispatchEvent(new CustomEvent("gone", { detail: one.name }));
      this._place.querySelector("input:checked")?.focus();
    } catch (error) {
      this._note(sentence(error.message));
    }
  }

  async _keep(one) {
    try {
      await keep(one.name);
      this._note(`${one.title} is saved on this computer.`);
      Object.assign(one, await askPortrait(one.name));
      this.dispatchEvent(new CustomEvent("kept", { detail: one.name }));
    } catch (error) {
      this._note(sentence(error.message));
    }
  }
}
