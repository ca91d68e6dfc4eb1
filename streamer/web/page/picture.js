// The portrait's video and sound in the page.

import { $ } from "./dom.js";

export class Picture {
  constructor(settings) {
    this._settings = settings;
    this._far = {};
  }

  /** Show these tracks of a connection. */
  show({ video, audio }) {
    if (video && this._far.video !== video) {
      $("portrait").srcObject = new MediaStream([video]);
      $("portrait").play().catch(() => {}); // a browser that asks for a gesture got one: the start
    }
    this._far = { video, audio };
    this.showSound();
  }

  /** The connection is lost; its last picture stays. */
  forget() {
    this._far = {};
  }

  /** Nothing is shown any more. */
  clear() {
    this._far = {};
    $("portrait").srcObject = null;
  }

  /** What a recording is made of; the sound is silence without a microphone. */
  tracks() {
    const { video, audio } = this._far;
    return [video, this._settings.microphone ? audio : null].filter(Boolean);
  }

  /** Whether there is a voice, and whether it is heard here. */
  showSound() {
    const { microphone, hear } = this._settings;
    $("microphone").setAttribute("aria-pressed", String(microphone));
    $("microphone-icon").setAttribute("href", microphone ? "#i-mic" : "#i-mute");
    const video = $("portrait");
    video.muted = !hear;
    const stream = video.srcObject;
    if (!stream || !this._far.audio) return;
    // the sound is only taken in when it is to be heard
    if (hear && !stream.getAudioTracks().length) stream.addTrack(this._far.audio);
    if (!hear) stream.getAudioTracks().forEach((track) => stream.removeTrack(track));
  }
}
