// The figures of a running session, for a person.

import { $, make, say } from "./dom.js";

const POINTS = 60;
const NAMES = {
  encode: "Your browser’s encoder",
  network: "Network, both ways",
  server: "Server",
  codec: "Server’s decoder and encoder",
  show: "Decoder and screen",
};

/** The state in the head of the page: idle, busy, live, problem. */
export function showPill(kind, text) {
  $("pill").dataset.kind = kind;
  say($("pill-text"), text);
}

const whole = (value, unit = "") => (value === null || value === undefined ? "–" : `${Math.round(value)}${unit}`);

export class Readout {
  constructor() {
    this._curve = [];
    this._rows = {};
    for (const [name, title] of Object.entries(NAMES)) {
      this._rows[name] = make("dd", {}, "–");
      $("parts").append(make("div", {}, make("dt", {}, title), this._rows[name]));
    }
  }

  /** Nothing runs. */
  clear() {
    this._curve = [];
    this._draw();
    for (const id of ["latency", "f-fps", "f-drops", "f-age", "f-rtt", "f-codec", "f-rate"]) say($(id), "–");
    for (const row of Object.values(this._rows)) say(row, "–");
  }

  show({ latency, parts, rtt, age, fps, fpsIn, dropped, codec, kbps }) {
    say($("latency"), whole(latency));
    if (latency !== null) {
      this._curve = [...this._curve.slice(1 - POINTS), latency];
      showPill("live", `Live · ${whole(latency)} ms`);
    }
    this._draw();
    say($("f-fps"), fpsIn === null ? whole(fps) : `${whole(fpsIn)} in, ${whole(fps)} out`);
    say($("f-drops"), whole(dropped));
    say($("f-age"), age ? `${whole(age.p50)} / ${whole(age.p95)} ms` : "–");
    say($("f-rtt"), whole(rtt, " ms"));
    say($("f-codec"), codec || "–");
    say($("f-rate"), kbps === null ? "–" : `${(kbps / 1000).toFixed(1)} Mbit/s`);
    for (const [name, row] of Object.entries(this._rows)) say(row, whole(parts[name], " ms"));
  }

  _draw() {
    const most = Math.max(60, ...this._curve) * 1.15;
    const step = 120 / (POINTS - 1);
    const from = POINTS - this._curve.length;
    const points = this._curve.map((ms, at) => `${((from + at) * step).toFixed(1)},${(31 - (ms / most) * 30).toFixed(1)}`);
    document.querySelector("#curve polyline").setAttribute("points", points.join(" "));
  }
}
