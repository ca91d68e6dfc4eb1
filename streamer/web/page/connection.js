// One connection to the server: camera up, portrait down, and a channel for what is to be told.

import { begin, end, leave } from "./api.js";

const GATHER_MS = 500;
const RELAY_MS = 1500;
const CONNECT_MS = 12000;
const SILENT_MS = 5000;
const SHAKY_MS = 2500;
const PING_MS = 1000;
const RELAY_REFUSES = "The TURN server that is to carry the video refuses Vivant: whoever runs it should start it with the same secret, VIVANT_TURN_SECRET.";
const RELAY_SILENT = "No direct way was found, and the TURN server that is to carry the video does not answer. Use the same network as the server, or leave the VPN.";

/** Events: `portrait` (stream), `told` (message), `rtt` (ms), `lost` (why). Used once. */
export class Connection extends EventTarget {
  constructor(iceServers) {
    super();
    this.session = null;
    this._relays = iceServers.some((server) => [server.urls].flat().some((url) => /^turn/.test(url)));
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this._over = false;
    this._heard = 0;
    this._seen = [0, 0];
    this._relayError = 0;
    this._timers = [];
  }

  /** Connect; returns when the server has answered. Refusal, Unreachable. */
  async open({ video, audio, codec, controls }) {
    const { pc } = this;
    this._openChannel();
    const stream = new MediaStream([video]);
    const sender = pc.addTransceiver(video, { direction: "sendrecv", streams: [stream] });
    this._video = sender.sender;
    // always there, so that a microphone can come and go without another offer
    this._audio = pc.addTransceiver(audio ?? "audio", { direction: "sendrecv" }).sender;
    if (codec) prefer(sender, codec);
    pc.addEventListener("track", (event) => this._receive(event));
    pc.addEventListener("connectionstatechange", () => this._look());
    pc.addEventListener("icecandidateerror", (event) => this._blame(event));
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc, this._relays ? RELAY_MS : GATHER_MS);
    const answer = await begin({
      type: "offer",
      sdp: pc.localDescription.sdp,
      controls,
      ...(codec ? { codec } : {}),
    });
    this.session = { id: answer.id, key: answer.key };
    if (this._over) {
      this._tellEnd();
      throw new DOMException("stopped meanwhile", "AbortError");
    }
    await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    this._timers.push(setTimeout(() => this._since === undefined && this._block(), CONNECT_MS));
    this._timers.push(setInterval(() => this._ping(), PING_MS));
  }

  /** Send another camera, or another microphone, or none. */
  async replace(kind, track) {
    await (kind === "video" ? this._video : this._audio)?.replaceTrack(track);
  }

  /** End it, and tell the server. */
  close() {
    if (!this._finish()) return;
    this._tellEnd();
  }

  /** The page is being closed: the server is told without waiting. */
  abandon() {
    if (this._finish() && this.session) leave(this.session);
  }

  _tellEnd() {
    if (this.session) end(this.session).catch(() => {}); // it ends by itself otherwise
  }

  _finish() {
    if (this._over) return false;
    this._over = true;
    this._timers.forEach((timer) => clearTimeout(timer));
    this.pc.close();
    return true;
  }

  _lose(why, message = "") {
    if (this._over) return;
    this._finish();
    this._tellEnd();
    this._emit("lost", { why, message });
  }

  /** No way for video was found, and why, as far as is known. */
  _block() {
    const code = this._relayError;
    this._lose("blocked", code ? (code < 700 ? RELAY_REFUSES : RELAY_SILENT) : "");
  }

  /** What a TURN server says outweighs its not answering: one of several ways to it may be shut. */
  _blame({ url, errorCode }) {
    if (/^turns?:/.test(url) && !(this._relayError && this._relayError < 700)) this._relayError = errorCode;
  }

  _emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  _openChannel() {
    this._channel = this.pc.createDataChannel("vivant", { ordered: true });
    this._channel.addEventListener("message", (event) => this._hear(event.data));
    // the server hung up; a moment, for what it said last may still be on its way
    this._channel.addEventListener("close", () => setTimeout(() => this._lose("lost"), 200));
  }

  _hear(text) {
    this._heard = performance.now();
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message.t === "pong") this._emit("rtt", performance.now() - message.at);
    else if (message.t === "ended") this._lose(`ended-${message.reason}`, message.message);
    else this._emit("told", message);
  }

  _ping() {
    const now = performance.now();
    if (this._channel.readyState === "open") {
      this._count = (this._count ?? 0) + 1;
      this._channel.send(JSON.stringify({ t: "ping", id: this._count, at: now }));
    }
    // messages are no timers: they come in time even while the tab is in the background. But a lost
    // one holds up those after it, for seconds: pictures are a sign as well
    if (this._heard && now - Math.max(this._heard, this._lastSeen(now)) > SILENT_MS) this._lose("lost");
  }

  /** When sound or a picture last came, as far as is known. */
  _lastSeen(now) {
    const sources = this.pc.getReceivers().flatMap((one) => one.getSynchronizationSources?.() ?? []);
    const newest = Math.max(0, ...sources.map((source) => source.timestamp));
    if (newest !== this._seen[0]) this._seen = [newest, now];
    return this._seen[1];
  }

  _receive({ track, receiver, transceiver }) {
    // the newest picture at once; the server asks for the same by an RTP header extension
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
    this._tracks = { ...this._tracks, [track.kind]: track };
    this._emit("portrait", { video: this._tracks.video, audio: this._tracks.audio, mid: transceiver.mid });
  }

  _look() {
    const state = this.pc.connectionState;
    clearTimeout(this._shaky);
    if (state === "connected") {
      this._since ??= performance.now();
      this._emit("connected");
    } else if (state === "failed" || state === "closed") {
      if (this._since === undefined) this._block();
      else this._lose("lost");
    } else if (state === "disconnected") {
      this._shaky = setTimeout(() => this._lose("lost"), SHAKY_MS);
    }
  }
}

/** Put a codec first. Others stay: the server may not have it. */
function prefer(transceiver, codec) {
  const known = RTCRtpReceiver.getCapabilities?.("video")?.codecs ?? [];
  const wanted = known.filter(({ mimeType }) => mimeType.toUpperCase() === `VIDEO/${codec.toUpperCase()}`);
  if (!wanted.length || !transceiver.setCodecPreferences) return;
  const others = known.filter((one) => !wanted.includes(one));
  try {
    transceiver.setCodecPreferences([...wanted, ...others]);
  } catch {
    // the browser keeps its own order
  }
}

/** Return when the addresses are known that an offer needs: those of this computer come at once. */
function gathered(pc, longestMs) {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, longestMs);
    function done() {
      clearTimeout(timer);
      pc.removeEventListener("icegatheringstatechange", look);
      pc.removeEventListener("icecandidate", see);
      resolve();
    }
    const look = () => pc.iceGatheringState === "complete" && done();
    const see = ({ candidate }) => candidate?.type === "relay" && done();
    pc.addEventListener("icegatheringstatechange", look);
    pc.addEventListener("icecandidate", see);
  });
}
