// The person's camera and voice while the page uses them.

import { $ } from "./dom.js";
import { cameras, openCamera, openMicrophone, release } from "./media.js";
import { NO_VIDEO } from "./notices.js";

/** Events: `hint` (text), `changed` ({kind, track}: send this from now on), `lost` (no camera left). */
export class Devices extends EventTarget {
  constructor(settings) {
    super();
    this._settings = settings;
    this._own = null;
    this.voice = null;
    this._turn = 0;
    this._wakeLock = null;
    const list = () => this.list(this._deviceId());
    navigator.mediaDevices?.addEventListener?.("devicechange", list);
  }

  get open() {
    return this._own !== null;
  }

  /** The camera's track. */
  get video() {
    return this._own.getVideoTracks()[0];
  }

  /** Open what the settings name, and show it. NoCamera when it cannot be had. */
  async take() {
    const turn = this._turn;
    const stream = await openCamera(this._settings);
    if (turn !== this._turn) return release(stream); // closed while the person was asked
    release(this._own);
    this._own = stream;
    $("camera").srcObject = stream;
    $("own").hidden = false;
    this.video.addEventListener("ended", () => this._own === stream && this._again());
    this.video.addEventListener("mute", () => this._own === stream && this._emit("hint", NO_VIDEO));
    await this.list(this._deviceId());
  }

  /** Let go of everything. */
  close() {
    this._turn += 1;
    release(this._own);
    this.voice?.stop();
    this._own = this.voice = null;
    $("camera").srcObject = null;
    $("own").hidden = true;
    this._wakeLock?.release().catch(() => {});
    this._wakeLock = null;
  }

  /** Show which cameras there are, once their names may be known. */
  async list(current = this._settings.camera) {
    const named = (await cameras()).filter((one) => one.label);
    if (!named.length) return;
    const options = named.map((one) => new Option(one.label, one.deviceId, false, one.deviceId === current));
    $("cameras").replaceChildren(...options);
  }

  /** The settings name another camera, or another size. */
  async change() {
    if (!this.open) return;
    try {
      if (/Android|iPhone|iPad/.test(navigator.userAgent)) release(this._own); // they open one at a time
      await this._replace();
    } catch (error) {
      this._emit("hint", error.kind === "in-use" ? "That camera is used by another program." : "That camera cannot be opened.");
      if (this.video.readyState === "ended") this._emit("lost");
    }
  }

  /** Open the microphone; the settings say no when that cannot be. */
  async takeVoice() {
    const turn = this._turn;
    const voice = await openMicrophone();
    if (turn !== this._turn) return voice?.stop();
    this.voice = voice;
    if (voice) return;
    this._settings.microphone = false;
    this._emit("hint", "The microphone is not allowed, or there is none. The portrait goes on without sound.");
  }

  /** The settings want a voice, or none. */
  async changeVoice() {
    if (!this._settings.microphone) {
      this.voice?.stop();
      this.voice = null;
    } else if (this.open) {
      await this.takeVoice();
    }
    this._emit("changed", { kind: "audio", track: this.voice });
  }

  /** Keep the screen on while somebody uses it. */
  async stayAwake() {
    if (!navigator.wakeLock || document.visibilityState !== "visible" || !this.open) return;
    try {
      this._wakeLock = await navigator.wakeLock.request("screen");
    } catch {
      // low battery: the screen may go dark
    }
  }

  async _again() {
    try {
      await this._replace();
    } catch {
      this._emit("lost");
    }
  }

  async _replace() {
    await this.take();
    this._emit("changed", { kind: "video", track: this.video });
  }

  _deviceId() {
    return this._own?.getVideoTracks()[0]?.getSettings?.().deviceId;
  }

  _emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
