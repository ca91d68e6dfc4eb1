// Hints about what the server sees of the person, once it has lasted.

import { NO_FACE, NO_VIDEO } from "./notices.js";
import { showHint } from "./stage.js";

const NO_FACE_MS = 3000;
const NO_VIDEO_MS = 2000;
const ALONE = ["hold", "ease", "idle", "card"];

export class Watch {
  constructor() {
    this.reset();
  }

  /** Another connection begins. */
  reset() {
    this._since = {};
    this._told = false;
  }

  /** A status came. `excused`: the portrait is not meant to follow just now. */
  see({ presence, camera, prompt, state }, excused) {
    if (state && state !== "running") return;
    const noVideo = this._lasts("video", Boolean(camera), NO_VIDEO_MS);
    const noFace = this._lasts("face", ALONE.includes(presence) && !excused && !prompt, NO_FACE_MS);
    const text = noVideo ? NO_VIDEO : noFace ? NO_FACE : "";
    if (text || this._told) showHint(text);
    this._told = Boolean(text);
  }

  _lasts(name, is, ms) {
    const now = performance.now();
    if (!is) delete this._since[name];
    else this._since[name] ??= now;
    return is && now - this._since[name] > ms;
  }
}
