// Small helpers for the document.

/** The element of an id. */
export const $ = (id) => document.getElementById(id);

/** A new element: its properties, then its children. `class`, `data-*` and `aria-*` are attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (/^(class|for|role|data-|aria-)/.test(name)) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An icon of the page's sprite. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Set a text only when it changes: live regions would speak it again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A button with an icon and words. */
export function button(words, action, { name = "", kind = "solid quiet", label } = {}) {
  const element = make("button", { type: "button", class: kind, "aria-label": label });
  if (name) element.append(icon(name));
  element.append(words);
  element.addEventListener("click", action);
  return element;
}

/** `1:05` */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** `3.4 MB` */
export function bytes(count) {
  return count < 1e6 ? `${Math.ceil(count / 1000)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** The middle of some numbers; null without any. */
export function median(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
