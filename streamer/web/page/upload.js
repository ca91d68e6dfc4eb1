// An own portrait: chosen or dropped, agreed to, sent, and watched until it can move.

import { Refusal, portrait as askPortrait, sendForm } from "./api.js";
import { $, button, bytes, make, say } from "./dom.js";
import { sentence } from "./notices.js";

const LOOK_MS = 600;
const LONGEST_SIDE = 3000;
const TAKEN = ["image/jpeg", "image/png", "image/webp"];
const STEPS = ["Sending the picture", "Waiting for its turn", "Reading the picture", "Finding the face", "Saving"];
const AT = { starting: 1, "reading the picture": 2, "finding the face": 3, saving: 4, ready: 5 };

/** Events: `ready` (name). */
export class Uploader extends EventTarget {
  constructor() {
    super();
    this._file = null;
    this._setup = { maxUploadBytes: 0 };
    this._prepare();
  }

  /** What the server takes, and what one agrees to. */
  know(setup) {
    this._setup = setup;
    say($("consent-text"), setup.consentText);
  }

  /** Let the person choose; `focus`: they came by the keyboard or the mouse, not by dropping. */
  open(focus = true) {
    if (!this._setup.maxUploadBytes) return;
    $("uploader").hidden = false;
    $("made").hidden = true;
    if (focus) $("file").focus();
    $("uploader").scrollIntoView({ block: "nearest" });
  }

  close() {
    this._cancel?.abort();
    this._take(null);
    $("uploader").hidden = true;
    $("making").hidden = true;
    $("upload-name").value = "";
    $("consent").checked = false;
    $("add")?.focus();
  }

  _prepare() {
    const file = $("file");
    file.addEventListener("change", () => this._take(file.files[0] ?? null));
    $("upload-cancel").addEventListener("click", () => this.close());
    $("uploader").addEventListener("submit", (event) => {
      event.preventDefault();
      this._send();
    });
    this._prepareDrop($("drop"));
  }

  /** A picture may be dropped anywhere: a browser would leave the page for it otherwise. */
  _prepareDrop(zone) {
    const has = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    addEventListener("dragover", (event) => {
      if (!has(event)) return;
      event.preventDefault();
      zone.classList.add("over");
    });
    addEventListener("dragleave", (event) => event.relatedTarget || zone.classList.remove("over"));
    addEventListener("drop", (event) => {
      if (!has(event)) return;
      event.preventDefault();
      zone.classList.remove("over");
      this.open(false);
      this._take(event.dataTransfer.files[0] ?? null);
    });
  }

  _take(file) {
    const preview = $("preview");
    if (preview.src) URL.revokeObjectURL(preview.src);
    this._file = file;
    this._fail("");
    preview.hidden = !file;
    $("drop").classList.toggle("full", !!file);
    say($("drop-text"), file ? `${file.name}, ${bytes(file.size)}` : "Choose a picture, or drop it here");
    if (file) preview.src = URL.createObjectURL(file);
    else {
      preview.removeAttribute("src");
      $("file").value = "";
    }
    preview.onerror = () => (preview.hidden = true);
  }

  _fail(text) {
    say($("upload-error"), text);
  }

  async _send() {
    if (!this._file) return this._fail("Choose a picture first.");
    if (!$("consent").checked) {
      $("consent").focus();
      return this._fail("Tick the box: without this the picture cannot be taken.");
    }
    this._fail("");
    this._cancel = new AbortController();
    const title = $("upload-name").value.trim() || "My portrait";
    this._progress(0, `Making ${title}`);
    try {
      const file = await fitting(this._file, this._setup.maxUploadBytes);
      const name = await this._deliver(file, title);
      await this._follow(name, this._cancel.signal);
    } catch (error) {
      this._end(error);
    }
  }

  async _deliver(file, title) {
    const form = new FormData();
    form.append("consent", "yes");
    form.append("name", title);
    form.append("file", file, "portrait");
    const show = (share) => ($("making-bar").value = share * 20);
    return (await sendForm("/api/portraits", form, show, this._cancel.signal)).name;
  }

  async _follow(name, signal) {
    for (;;) {
      const one = await askPortrait(name);
      if (signal.aborted) throw new DOMException("cancelled", "AbortError");
      if (one.state === "ready") return this._finish(one);
      if (one.state === "failed") throw new Refusal(422, "portrait", one.message, 0);
      this._progress(one.state === "waiting" ? 1 : (AT[one.step] ?? 2));
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  _progress(at, title) {
    if (title) say($("making-title"), title);
    $("uploader").hidden = true;
    $("making").hidden = false;
    $("making-bar").value = at * 20;
    const stateOf = (step) => (step < at ? "done" : step === at ? "now" : "open");
    $("making-steps").replaceChildren(...STEPS.map((text, step) => make("li", { class: stateOf(step) }, text)));
  }

  _finish(one) {
    this.close();
    this._report(one);
    this.dispatchEvent(new CustomEvent("ready", { detail: one.name }));
  }

  _report({ title, quality, advice }) {
    const place = $("made");
    const score = !Number.isFinite(quality) ? "" : `Quality ${quality} of 100`;
    const list = advice.map((text) => make("li", {}, sentence(text)));
    place.replaceChildren(
      make("p", { class: "made-title" }, `${title} is ready`, make("small", {}, score)),
      ...(list.length ? [make("p", { class: "note" }, "It would be better still so:"), make("ul", {}, ...list)] : []),
      button("Close", () => (place.hidden = true), { kind: "plain small" }),
    );
    place.hidden = false;
  }

  _end(error) {
    $("making").hidden = true;
    if (error.name === "AbortError") return;
    $("uploader").hidden = false;
    const text = error instanceof Refusal ? error.message : "The picture could not be sent. Is the server there?";
    this._fail(sentence(text));
    $("upload-go").focus();
  }
}

/**
 * The file as the server takes it: other kinds (HEIC where the browser reads it) and very large
 * pictures are drawn anew as JPEG here. What cannot be read goes as it is: the server tells why not.
 */
async function fitting(file, most) {
  if (TAKEN.includes(file.type) && file.size <= most) return file;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const drawn = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    return drawn ?? file;
  } catch {
    return file;
  }
}
