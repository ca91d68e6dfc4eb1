// Whether a card is to be shown in place of the portrait. It outlives a reload of the tab and a new
// connection: what is hidden stays hidden until the person shows it again.

import { $, say } from "./dom.js";
import { keepPanic, panicked } from "./store.js";

let on = panicked();

export const panicking = () => on;

/** Remember and show it; the server is told elsewhere. */
export function setPanic(isOn) {
  on = isOn;
  keepPanic(isOn);
  $("panic").classList.toggle("on", isOn);
  $("panic").setAttribute("aria-label", isOn ? "Show the portrait again" : "Panic: cover the portrait with a card");
  say($("panic-text"), isOn ? "Show" : "Panic");
  $("panic-mark").hidden = !isOn;
  $("stage").classList.toggle("panics", isOn);
}
