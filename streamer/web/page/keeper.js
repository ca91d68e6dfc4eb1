// Keeps a session alive: connects, and connects again with growing pauses, until it is told to stop.

import { Refusal, Unreachable, setup } from "./api.js";
import { Connection } from "./connection.js";

const PAUSES_S = [1, 2, 4, 8, 15];
const STEADY_MS = 10000;
const FRESH_MS = 60000; // what the page was told of TURN servers holds for minutes only
const FATAL = new Set(["ended-replaced", "ended-failed", "ended-silent"]);

/**
 * Events: `phase` ({phase, kind, message, seconds}), and those of the connection in use: `portrait`,
 * `told`, `rtt`. Phases: connecting, waking, live, waiting (counts down), stopped.
 */
export class Keeper extends EventTarget {
  constructor() {
    super();
    this.connection = null;
    this.phase = "stopped";
    this._tries = 0;
    window.addEventListener("online", () => this.hurry());
  }

  get session() {
    return this.connection?.session ?? null;
  }

  /** Begin. `wishes` tells at each attempt what to send: {video, audio, codec, controls}. */
  start(wishes, onSetup) {
    this._wishes = wishes;
    this._onSetup = onSetup;
    this._tries = 0;
    this._attempt();
  }

  /** End for good. */
  stop(kind = "", message = "") {
    clearInterval(this._countdown);
    const { connection } = this;
    this.connection = null;
    connection?.close();
    this._tell("stopped", { kind, message });
  }

  /** The page is being closed. */
  abandon() {
    clearInterval(this._countdown);
    this.connection?.abandon();
    this.connection = null;
    this._tell("stopped", {});
  }

  /** Do not wait for the end of the countdown. */
  hurry() {
    if (this.phase === "waiting") this._attempt();
  }

  /** The first picture has been shown. */
  shown() {
    if (this.phase === "waking" || this.phase === "connecting") this._tell("live", {});
  }

  _tell(phase, detail) {
    this.phase = phase;
    if (phase === "live") this._liveSince = performance.now();
    this.dispatchEvent(new CustomEvent("phase", { detail: { phase, ...detail } }));
  }

  async _attempt() {
    clearInterval(this._countdown);
    this._tell("connecting", { again: this._tries > 0 });
    let connection = null;
    try {
      // after a pause the server may be another one: other portraits, other addresses
      const found = await this._newSetup();
      if (this.phase !== "connecting") return;
      connection = this._connect(found.iceServers);
      this.connection = connection;
      await connection.open(this._wishes());
    } catch (error) {
      if (connection !== this.connection || this.phase === "stopped") return;
      connection?.close();
      this.connection = null;
      this._judge(error);
    }
  }

  async _newSetup() {
    const isFresh = this._setup && performance.now() - this._knownAt < FRESH_MS;
    if (this._tries || !isFresh) this.know(await setup());
    this._onSetup(this._setup);
    return this._setup;
  }

  /** What is already known need not be asked for. */
  know(found) {
    if (found !== this._setup) this._knownAt = performance.now();
    this._setup = found;
  }

  _connect(iceServers) {
    const connection = new Connection(iceServers);
    const is = (handler) => (event) => connection === this.connection && handler(event.detail);
    for (const type of ["portrait", "told", "rtt"]) {
      const pass = (detail) => this.dispatchEvent(new CustomEvent(type, { detail }));
      connection.addEventListener(type, is(pass));
    }
    connection.addEventListener("connected", is(() => this.phase === "connecting" && this._tell("waking", {})));
    connection.addEventListener("lost", is((detail) => this._lost(detail)));
    return connection;
  }

  _lost({ why, message }) {
    if (this._liveSince && performance.now() - this._liveSince > STEADY_MS) this._tries = 0;
    this.connection = null;
    if (FATAL.has(why)) this._tell("stopped", { kind: why, message });
    else this._wait(why === "ended-stopped" ? "draining" : why === "blocked" ? "blocked" : "lost", message, 0);
  }

  _judge(error) {
    if (error instanceof Unreachable) this._wait("lost", "", 0);
    else if (!(error instanceof Refusal)) this._tell("stopped", { kind: "failed", message: String(error.message || error) });
    else if (error.status === 401) this._tell("stopped", { kind: "token", message: error.message });
    else if (["full", "draining", "rate"].includes(error.code)) this._wait(error.code, error.message, error.afterS);
    else if (error.status === 429) this._wait("rate", error.message, error.afterS);
    else if (error.status >= 500) this._wait("failed", error.message, error.afterS);
    else this._tell("stopped", { kind: "failed", message: error.message });
  }

  _wait(kind, message, atLeastS) {
    let seconds = Math.max(atLeastS, PAUSES_S[Math.min(this._tries, PAUSES_S.length - 1)]);
    this._tries += 1;
    const ends = performance.now() + seconds * 1000;
    this._tell("waiting", { kind, message, seconds });
    this._countdown = setInterval(() => {
      seconds = Math.ceil((ends - performance.now()) / 1000);
      if (seconds <= 0) this._attempt();
      else this._tell("waiting", { kind, message, seconds });
    }, 500);
  }
}
