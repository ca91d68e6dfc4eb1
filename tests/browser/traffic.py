"""What the network does to a portrait, as the browser sees it: pictures shown, and why not."""

from typing import Any

COUNT_JS = """
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(given) {
    super(given);
    window.connection = this;
  }
};
window.seen = {shown: 0, longest: 0, last: 0};
addEventListener('DOMContentLoaded', () => {
  const video = document.querySelector('video#portrait'), seen = window.seen;
  const look = (now) => {
    if (seen.last) seen.longest = Math.max(seen.longest, now - seen.last);
    seen.last = now;
    seen.shown += 1;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
});
"""
"""A page's script. `seen.longest`: ms, between two pictures shown, since the last look."""

_LOOK_JS = """async () => {
  const seen = {...window.seen, now: performance.now()};
  window.seen.longest = 0;
  seen.said = document.querySelector('#f-fps').textContent;
  (await window.connection.getStats()).forEach((one) => {
    if (one.kind === 'video') seen[one.type] = one;
  });
  return seen;
}"""

_DOWN = {
    "keyframes": "keyFramesDecoded",
    "keyframes asked": "pliCount",
    "freezes": "freezeCount",
    "lost": "packetsLost",
    "sent again": "retransmittedPacketsReceived",
}
_UP = {"up keyframes asked": "pliCount", "up sent again": "retransmittedPacketsSent"}

Look = dict[str, Any]


def look(page: Any) -> Look:
    """The counters of a page, which has COUNT_JS, as they are now."""
    return page.evaluate(_LOOK_JS)


def between(before: Look, after: Look) -> dict[str, float | str]:
    """What happened between two looks: rates a second, ms, and numbers of things."""
    seconds = (after["now"] - before["now"]) / 1000

    def more(kind: str, name: str) -> float:
        return after[kind].get(name, 0) - before[kind].get(name, 0)

    def kbps(kind: str, name: str) -> int:
        return round(more(kind, name) * 8 / 1000 / seconds)

    emitted = max(1, more("inbound-rtp", "jitterBufferEmittedCount"))
    return {
        "shown fps": round((after["shown"] - before["shown"]) / seconds, 1),
        "fps said": after["said"],
        "longest ms": round(after["longest"]),
        "buffer ms": round(1000 * more("inbound-rtp", "jitterBufferDelay") / emitted),
        "kbps": kbps("inbound-rtp", "bytesReceived"),
        "up kbps": kbps("outbound-rtp", "bytesSent"),
        **{name: more("inbound-rtp", key) for name, key in _DOWN.items()},
        **{name: more("outbound-rtp", key) for name, key in _UP.items()},
    }
