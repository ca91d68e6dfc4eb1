// The buttons and fields of the page, and what they ask for. What they change is kept.

import { $ } from "./dom.js";
import { save } from "./store.js";

/** A click counts while the button is not greyed out: it can be focused all the time. */
function on(id, action) {
  $(id).addEventListener("click", ({ currentTarget }) => {
    if (currentTarget.getAttribute("aria-disabled") !== "true") action();
  });
}

/** Connect everything to `actions`; show the settings as they were left. */
export function wire(settings, actions) {
  on("start", actions.start);
  on("calibrate", () => actions.ask("neutral"));
  on("neutral", () => actions.ask("neutral"));
  on("guide", () => actions.ask("guide"));
  on("microphone", actions.toggleVoice);
  on("record", actions.toggleRecording);
  on("panic", () => actions.panic());
  on("popout", actions.popOut);
  on("copy", actions.copyLink);
  // Escape hides, and never shows: pressed twice in alarm it must not undo itself
  addEventListener("keydown", (event) => event.key === "Escape" && actions.panic(true));
  wireFields(settings, actions);
  wireFold(settings);
}

function wireFields(settings, actions) {
  const field = (id, name, action) => {
    const isTick = $(id).type === "checkbox";
    if (isTick) $(id).checked = settings[name];
    else if (settings[name]) $(id).value = settings[name];
    $(id).addEventListener("change", ({ target }) => {
      settings[name] = isTick ? target.checked : target.value;
      save(settings);
      action();
    });
  };
  field("resolution", "resolution", actions.changeCamera);
  field("codec", "codec", actions.changeCodec);
  field("hear", "hear", actions.changeHearing);
  $("cameras").addEventListener("change", ({ target }) => {
    settings.camera = target.value;
    save(settings);
    actions.changeCamera();
  });
}

function wireFold(settings) {
  const show = () => {
    $("own").classList.toggle("folded", settings.folded);
    $("own-fold").setAttribute("aria-pressed", String(settings.folded));
  };
  on("own-fold", () => {
    settings.folded = !settings.folded;
    show();
    save(settings);
  });
  show();
}
