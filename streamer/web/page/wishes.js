// Changes on their way to the server: one request at a time, the newest value of each wins.

import { change } from "./api.js";

const PAUSE_MS = 60;

export class Wishes {
  /** `session` tells which one it is now, null without any; `onRefused` hears why not. */
  constructor(session, onRefused) {
    this._session = session;
    this._onRefused = onRefused;
    this._waiting = null;
    this._busy = false;
    this._urgent = null;
    this._hurrying = false;
  }

  /** Nothing of an earlier session is sent to the next: that one begins with all of it. */
  clear() {
    this._waiting = this._urgent = null;
  }

  /** Ask for it at once, past everything that waits. Never two at a time: they could overtake each other. */
  async hurry(controls) {
    this._urgent = controls;
    if (this._hurrying) return;
    this._hurrying = true;
    while (this._urgent && this._session()) {
      const wanted = this._urgent;
      try {
        await change(this._session(), wanted);
        if (this._urgent === wanted) this._urgent = null;
      } catch {
        // again, for as long as there is a session: a panic must not be lost
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
    this._hurrying = false;
  }

  /** Ask for it as soon as may be. */
  send(controls) {
    if (!this._session()) return;
    const before = this._waiting ?? {};
    const gains = controls.gains || before.gains ? { gains: { ...before.gains, ...controls.gains } } : {};
    this._waiting = { ...before, ...controls, ...gains };
    this._flush();
  }

  async _flush() {
    if (this._busy || !this._waiting) return;
    this._busy = true;
    const controls = this._waiting;
    const session = this._session();
    this._waiting = null;
    try {
      if (session) await change(session, controls);
    } catch (error) {
      // a lost connection needs no word: the next session begins with all settings
      if (error.status && error.status !== 404) this._onRefused(error, controls);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    this._busy = false;
    this._flush();
  }
}
