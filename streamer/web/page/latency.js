// How late the portrait is, measured in the page.
//
// No browser can tell which camera picture made a picture that it shows, so that the way is put
// together from its parts. Each is measured where it happens, as a difference on one clock:
//
//   encode    browser: totalEncodeTime over framesEncoded, and the pacer's totalPacketSendDelay over
//             packetsSent, of the last second (getStats, outbound-rtp)
//   network   the round trip (half for the way up, half for the way down)
//   server    status.ageMs: from the decoded camera picture to the finished portrait
//   codec     status.codecMs: the server's decoder and encoder, which status.ageMs does not hold
//   show      browser: the portrait's requestVideoFrameCallback, presentationTime - receiveTime; it
//             holds the jitter buffer, the decoder and the wait for the screen
//
// It begins where the person sees the own picture: at the presentationTime of the camera's preview.
// The preview waits for the screen, and the picture is on its way meanwhile: that wait (`preview`, at
// most half a picture of the screen) is taken off. What is left out on both sides is the exposure of
// the camera and the panel of the screen.
//
// It tells what a gesture of the face takes. It is too low where a single picture is late: a jump of
// the whole picture waits in the browser's pacer, whose delay is only known as the mean of all packets
// of a second. `python -m tools.glass --rows serve` compares it with what is measured from outside.
//
// Browsers without receiveTime (Firefox, Safari): `show` is totalProcessingDelay over framesDecoded,
// or jitterBufferDelay and totalDecodeTime, and half a picture of the screen.

import { median } from "./dom.js";

const KEPT = 45;
const SCREEN_MS = 1000 / 60;

/** Differences of counters between two looks. */
class Means {
  constructor() {
    this._last = {};
  }

  /** The mean of what came since the last look, in ms; the last known one where nothing came. */
  of(name, totalS, count) {
    if (totalS === undefined || !count) return null;
    const before = this._last[name] ?? { totalS: 0, count: 0, mean: null };
    const more = count - before.count;
    const mean = more > 0 ? ((totalS - before.totalS) * 1000) / more : before.mean;
    this._last[name] = { totalS, count, mean };
    return mean;
  }
}

/** Looks at every picture of a video. `difference` of its metadata is kept, in ms. */
function watch(video, difference) {
  const kept = [];
  if (!video.requestVideoFrameCallback) return kept;
  const look = (_, metadata) => {
    const value = difference(metadata);
    if (Number.isFinite(value) && value >= 0 && value < 10000) kept.push(value);
    if (kept.length > KEPT) kept.shift();
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  return kept;
}

/** The figures of one page. */
export class Figures {
  constructor(camera, portrait) {
    this._preview = watch(camera, (m) => m.presentationTime - m.captureTime);
    this._show = watch(portrait, (m) => m.presentationTime - m.receiveTime);
    this.reset();
  }

  /** Another connection begins. */
  reset() {
    this._means = new Means();
    this._status = null;
    this._pings = [];
    this._stats = {};
    this._show.length = 0;
  }

  hear(status) {
    this._status = status;
  }

  ping(ms) {
    this._pings = [...this._pings.slice(-9), ms];
  }

  /** Ask the browser. About once a second. */
  async look(pc) {
    let report;
    try {
      report = await pc.getStats();
    } catch {
      return; // closed meanwhile
    }
    const found = {};
    report.forEach((one) => {
      if (one.kind === "audio") return;
      if (one.type === "outbound-rtp") found.up = one;
      if (one.type === "inbound-rtp") found.down = one;
      if (one.type === "remote-inbound-rtp") found.far = one;
      if (one.type === "candidate-pair" && (one.nominated || one.selected) && one.state === "succeeded") found.pair = one;
    });
    const { up = {}, down = {}, pair = {}, far = {} } = found;
    const mean = (...of) => this._means.of(...of);
    this._stats = {
      encode: mean("encode", up.totalEncodeTime, up.framesEncoded),
      pace: mean("pace", up.totalPacketSendDelay, up.packetsSent),
      process: mean("process", down.totalProcessingDelay, down.framesDecoded),
      buffer: mean("buffer", down.jitterBufferDelay, down.jitterBufferEmittedCount),
      decode: mean("decode", down.totalDecodeTime, down.framesDecoded),
      rtt: seconds(pair.currentRoundTripTime) ?? seconds(far.roundTripTime),
      codec: (report.get(down.codecId)?.mimeType ?? "").replace("video/", ""),
      kbps: this._rate(down),
      fps: down.framesPerSecond ?? null,
      lost: down.packetsLost ?? 0,
      dropped: down.framesDropped ?? 0,
    };
  }

  /** The newest figures: null where one is not known. Times in ms. */
  get() {
    const { encode, pace, rtt: measured, codec, kbps, fps, dropped } = this._stats;
    const status = this._status;
    const rtt = measured ?? (this._pings.length ? Math.min(...this._pings) : null);
    const age = status?.ageMs ?? null;
    const show = this._shown();
    const parts = {
      encode: encode === null || encode === undefined ? null : encode + (pace ?? 0),
      network: rtt,
      server: age && age.p50,
      codec: age && (status.codecMs ?? null),
      show,
    };
    const known = age && show !== null && rtt !== null;
    const total = Object.values(parts).reduce((sum, part) => sum + (part ?? 0), 0);
    return {
      latency: known ? total - this._headStart() : null,
      parts,
      rtt,
      age,
      fps: fps ?? status?.fpsOut ?? null,
      fpsIn: status?.fpsIn ?? null,
      dropped: (status?.dropped ?? 0) + (dropped ?? 0),
      codec: codec || status?.codec || "",
      kbps: kbps ?? status?.bitrateKbps ?? null,
    };
  }

  /** How much later than the encoder the preview gets a picture: its wait for the screen. */
  _headStart() {
    const preview = median(this._preview);
    return preview === null ? 0 : Math.min(preview, SCREEN_MS / 2);
  }

  _shown() {
    const measured = median(this._show);
    if (measured !== null) return measured;
    const { process, buffer, decode } = this._stats;
    const whole = process ?? (buffer === null || buffer === undefined ? null : buffer + (decode ?? 0));
    return whole === null || whole === undefined ? null : whole + SCREEN_MS / 2;
  }

  _rate({ bytesReceived, timestamp }) {
    const before = this._bytes;
    this._bytes = { bytesReceived, timestamp };
    if (!before || !(timestamp > before.timestamp) || bytesReceived < before.bytesReceived) return null;
    return ((bytesReceived - before.bytesReceived) * 8) / (timestamp - before.timestamp);
  }
}

function seconds(value) {
  return value === undefined ? null : value * 1000;
}
