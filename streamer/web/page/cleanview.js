// The link of the clean view, and telling open ones of another session.

import { cleanLink } from "./api.js";
import { $, say } from "./dom.js";

let before = "";

/** A session has begun: views of the one before, in this browser, go over to it. */
export function announce(session) {
  if ("BroadcastChannel" in window && before && before !== session.id) {
    const channel = new BroadcastChannel("vivant-clean");
    channel.postMessage({ ...session, before });
    channel.close();
  }
  before = session.id;
}

/** Open it in a window of its own. */
export function popOut(session) {
  window.open(cleanLink(session), "_blank", "popup,noopener,width=540,height=540");
}

/** Put its link on the clipboard. */
export async function copyLink(session) {
  const link = cleanLink(session);
  try {
    await navigator.clipboard.writeText(link);
    say($("clean-note"), "Copied. In OBS: Sources, plus, Browser; paste it as the URL. It is valid for this session.");
  } catch {
    window.prompt("The link of the clean view:", link);
  }
}
