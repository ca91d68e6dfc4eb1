// Records the portrait, and the voice as late as it, in the browser. Nothing is sent anywhere.

import { $, button, bytes, clock, make, say } from "./dom.js";

const KINDS = [
  ["video/mp4", "avc1.42E01F", "mp4a.40.2"],
  ["video/mp4", "avc1", "mp4a"],
  ["video/webm", "vp8", "opus"], // the cheapest to encode: the camera's picture must not wait for it
  ["video/webm", "vp9", "opus"],
  ["video/webm"],
  ["video/mp4"], // what else goes into an MP4 few players know
];
const PIECE_MS = 1000;
const BITS = 5_000_000;

/** Events: `change` ({on, seconds}). */
export class Recorder extends EventTarget {
  constructor() {
    super();
    this._recorder = null;
    this.possible = typeof MediaRecorder === "function";
  }

  get on() {
    return this._recorder !== null;
  }

  /** Begin with these tracks. Returns whether it began. */
  start(tracks) {
    if (!this.possible || !tracks.some((track) => track.kind === "video")) return false;
    const mimeType = kindFor(tracks);
    const pieces = [];
    let recorder;
    try {
      recorder = new MediaRecorder(new MediaStream(tracks), { mimeType, videoBitsPerSecond: BITS });
      recorder.start(PIECE_MS);
    } catch {
      return false;
    }
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    recorder.ondataavailable = ({ data }) => data.size && pieces.push(data);
    recorder.onstop = () => this._finish(pieces, recorder.mimeType || mimeType || "video/webm", seconds());
    recorder.onerror = () => this.stop();
    this._recorder = recorder;
    this._tick = setInterval(() => this._tell(true, seconds()), 500);
    this._tell(true, 0);
    return true;
  }

  /** End, and offer the file. */
  stop() {
    if (this._recorder && this._recorder.state !== "inactive") this._recorder.stop();
  }

  _tell(on, seconds) {
    this.dispatchEvent(new CustomEvent("change", { detail: { on, seconds } }));
  }

  _finish(pieces, type, seconds) {
    clearInterval(this._tick);
    this._recorder = null;
    this._tell(false, seconds);
    if (!pieces.length) return;
    const file = new Blob(pieces, { type: type.split(";")[0] });
    const ending = /mp4/.test(type) ? "mp4" : "webm";
    const list = $("recording-list");
    const name = `vivant-${stamp(new Date())}.${ending}`;
    list.prepend(entry(name, file, seconds));
    $("recordings").hidden = false;
  }
}

/** The best kind for these tracks. Firefox refuses one that names a sound which is not there. */
function kindFor(tracks) {
  const hasSound = tracks.some((track) => track.kind === "audio");
  const all = KINDS.map(([type, video, sound]) => {
    const codecs = [video, hasSound ? sound : ""].filter(Boolean).join(",");
    return codecs ? `${type};codecs=${codecs}` : type;
  });
  return all.find((kind) => MediaRecorder.isTypeSupported(kind));
}

function entry(name, file, seconds) {
  const url = URL.createObjectURL(file);
  const about = `${clock(seconds)} min, ${bytes(file.size)}`;
  const link = make("a", { href: url, download: name, class: "download" }, make("b", {}, name), make("small", {}, about));
  const item = make("li", {}, link);
  const remove = () => {
    URL.revokeObjectURL(url);
    item.remove();
    $("recordings").hidden = !$("recording-list").children.length;
    $("record").focus();
  };
  item.append(button("", remove, { name: "trash", kind: "glass dark", label: `Delete the recording ${name}` }));
  return item;
}

function stamp(date) {
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

/** The words of the record button. */
export function showRecording({ on, seconds }) {
  $("record").classList.toggle("on", on);
  say($("record-say"), on ? "Stop recording, " : "");
  say($("record-text"), on ? clock(seconds) : "Record");
}
