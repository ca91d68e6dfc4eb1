// What this browser remembers. Storage may be forbidden: then it lasts as long as the page.

const KEY = "vivant-settings";
const TOKEN = "vivant-token";
const PANIC = "vivant-panic";

/** A portrait's strength is told in shares of its usual value: 1 is as the server has it. */
const USUAL = {
  portrait: "",
  background: "",
  mirror: null,
  strength: { mouth: 1, eyes: 1, brows: 1, pose: 1 },
  camera: "",
  resolution: "480",
  codec: "",
  microphone: false,
  hear: false,
  folded: false,
};

function read(storage, key) {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

function write(storage, key, text) {
  try {
    if (text === null) storage().removeItem(key);
    else storage().setItem(key, text);
  } catch {
    // not remembered; the page works all the same
  }
}

const local = () => window.localStorage;
const session = () => window.sessionStorage;

function stored() {
  try {
    const found = JSON.parse(read(local, KEY) ?? "{}");
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

/** The settings as they were left, the usual ones where there are none. */
export function load() {
  const found = stored();
  const settings = structuredClone(USUAL);
  for (const [name, usual] of Object.entries(USUAL)) {
    const value = found[name];
    if (usual === null ? typeof value === "boolean" : typeof value === typeof usual) settings[name] = value;
  }
  settings.strength = { ...USUAL.strength };
  for (const part of Object.keys(USUAL.strength)) {
    const value = found.strength?.[part];
    if (Number.isFinite(value)) settings.strength[part] = Math.min(2, Math.max(0, value));
  }
  return settings;
}

/** Remember the settings. */
export function save(settings) {
  write(local, KEY, JSON.stringify(settings));
}

/** The token of this tab: taken from the link once, and out of the address bar. */
export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    keepToken(given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? read(session, TOKEN) ?? "";
}

/** Remember another token, or a link that holds one. */
export function keepToken(text) {
  const found = /[#&?]token=([^&\s]+)/.exec(text);
  const word = found ? decodeURIComponent(found[1]) : text.trim();
  write(session, TOKEN, word);
  return word;
}

/** Whether this tab panicked and was only loaded again: what is hidden must stay hidden. */
export const panicked = () => read(session, PANIC) === "yes";
export const keepPanic = (on) => write(session, PANIC, on ? "yes" : null);
