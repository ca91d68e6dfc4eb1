// Requests to the server. What it refuses becomes a Refusal with its own words.

import { keepToken, token } from "./store.js";

/** The server said no. `code` is for programs, `message` for a person. */
export class Refusal extends Error {
  constructor(status, code, message, afterS) {
    super(message);
    this.status = status;
    this.code = code;
    this.afterS = afterS;
  }
}

/** Nothing came back: no network, or no server. */
export class Unreachable extends Error {}

let word = token();

/** Use another token from now on. */
export function useToken(text) {
  word = keepToken(text);
}

function headers(more = {}) {
  return word ? { Authorization: `Bearer ${word}`, ...more } : more;
}

async function refusal(answer) {
  let problem = {};
  try {
    problem = await answer.json();
  } catch {
    // a proxy answered, not our server
  }
  const after = Number(answer.headers.get("Retry-After")) || 0;
  const text = problem.message || `The server answered ${answer.status}.`;
  return new Refusal(answer.status, problem.error || "", text, after);
}

/** Send a request; the JSON of its answer, null without any. */
export async function ask(method, path, body, { key = "", keepalive = false, patienceS = 20 } = {}) {
  const more = key ? { "X-Session-Key": key } : {};
  if (body !== undefined) more["Content-Type"] = "application/json";
  const ends = new AbortController();
  const timer = setTimeout(() => ends.abort(), patienceS * 1000);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: headers(more),
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive,
      signal: ends.signal,
      cache: "no-store",
    });
  } catch (error) {
    throw new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
  }
  if (!answer.ok) throw await refusal(answer);
  return answer.status === 204 ? null : answer.json();
}

/** Send a form; `onShare` hears how much of it is sent, 0 to 1. fetch cannot tell that. */
export function sendForm(path, form, onShare, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onShare(event.loaded / event.total);
    request.onerror = () => reject(new Unreachable("the upload was cut off"));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onload = () => {
      const { status, responseText } = request;
      let answer = {};
      try {
        answer = JSON.parse(responseText);
      } catch {
        // judged by its status
      }
      if (status >= 200 && status < 300) resolve(answer);
      else reject(new Refusal(status, answer.error || "", answer.message || `The server answered ${status}.`, 0));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

const own = (session, rest = "") => `/api/sessions/${encodeURIComponent(session.id)}${rest}`;

export const setup = () => ask("GET", "/api/setup");
export const begin = (offer) => ask("POST", "/api/sessions", offer);
export const end = (session) => ask("DELETE", own(session), undefined, { key: session.key, keepalive: true });
export const change = (session, controls) => ask("PATCH", own(session, "/controls"), controls, { key: session.key });
export const command = (session, name) => ask("POST", own(session, `/commands/${name}`), undefined, { key: session.key });
export const portrait = (name) => ask("GET", `/api/portraits/${encodeURIComponent(name)}`);
export const forget = (name) => ask("DELETE", `/api/portraits/${encodeURIComponent(name)}`);
export const keep = (name) => ask("POST", `/api/portraits/${encodeURIComponent(name)}/keep`);

/** The page is being closed: nothing is awaited any more. */
export function leave(session) {
  navigator.sendBeacon?.(`${own(session, "/end")}?key=${encodeURIComponent(session.key)}`);
}

/** The address of the clean view. Whoever has it sees the portrait. */
export function cleanLink(session) {
  const asked = new URLSearchParams({ session: session.id, key: session.key });
  return `${location.origin}/clean?${asked}`;
}
