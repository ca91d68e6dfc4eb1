"""Does the portrait move as the driver does? Measured on the pixels of the page's own videos."""

from dataclasses import dataclass

import numpy as np

SIDE = 32
"""Pictures are compared this wide and high."""
DIFFERENT = 12.0
"""Grey levels by which the pictures of two portraits differ, at least."""

WATCH_JS = """
async ([camera, portrait, seconds, side]) => {
  const eye = (width, height) => {
    const canvas = new OffscreenCanvas(width, height);
    return canvas.getContext('2d', {willReadFrequently: true});
  };
  const bar = eye(1, 1), face = eye(side, side);
  const rows = [], begun = performance.now();
  while (performance.now() - begun < seconds * 1000) {
    await new Promise(done => setTimeout(done, 50));
    const own = document.querySelector(camera), result = document.querySelector(portrait);
    if (!result || !result.videoWidth) continue;
    bar.drawImage(own, own.videoWidth * 0.015, own.videoHeight * 0.3,
                  own.videoWidth * 0.03, own.videoHeight * 0.4, 0, 0, 1, 1);
    face.drawImage(result, 0, 0, side, side);
    const grey = [], pixels = face.getImageData(0, 0, side, side).data;
    for (let i = 0; i < pixels.length; i += 4)
      grey.push(Math.round((pixels[i] + 2 * pixels[i + 1] + pixels[i + 2]) / 4));
    rows.push([performance.now() - begun, bar.getImageData(0, 0, 1, 1).data[1], ...grey]);
  }
  return rows;
}
"""


@dataclass(frozen=True)
class Likeness:
    """How the portrait's pixels answer the driver's mouth."""

    step: float
    """RMS change of the lower face between mouth shut and open, in grey levels."""
    lag_ms: float
    """The delay at which it is largest."""
    correlation: float
    """Of the change with the driver, from 0 to 1, at that delay."""
    seen: int
    """How many looks there were."""


def watch(page, seconds=6.0, camera="video#camera", portrait="video#portrait"):
    """What the two videos of a page show for some time."""
    return np.array(page.evaluate(WATCH_JS, [camera, portrait, seconds, SIDE]), float)


def likeness(rows) -> Likeness:
    """The part of the picture that toggles with the driver, at the lag where it is largest."""
    assert len(rows) > 10, f"only {len(rows)} looks at a running portrait"
    times, bar = rows[:, 0], rows[:, 1]
    faces = rows[:, 2:].reshape(-1, SIDE, SIDE)[:, SIDE // 3 :, SIDE // 5 : -SIDE // 5]
    faces = faces.reshape(len(rows), -1)
    wide = bar > 128
    assert 0.1 < wide.mean() < 0.9, "the fake camera's bar does not change"
    found = max((_answer(times, wide, faces, lag) for lag in range(0, 700, 50)), key=lambda f: f[0])
    return Likeness(*found, len(rows))


def _answer(times, wide, faces, lag):
    """Size of the answer at one lag, the lag, and how much of the change it explains."""
    at = np.searchsorted(times, times - lag, side="right") - 1
    known = at >= 0
    then, now = wide[at[known]], faces[known]
    if not 0.1 < then.mean() < 0.9:
        return 0.0, float(lag), 0.0
    change = now[then].mean(0) - now[~then].mean(0)
    along = (now - now.mean(0)) @ change
    if not along.any():
        return 0.0, float(lag), 0.0
    size = float(np.sqrt((change**2).mean()))
    slow = np.polyval(np.polyfit(times[known], along, 3), times[known])  # settling is no answer
    return size, float(lag), abs(float(np.corrcoef(along - slow, then)[0, 1]))


def snapshot(page, selector="video#portrait"):
    """(SIDE, SIDE) greys of what a video shows now."""
    script = """([selector, side]) => {
      const canvas = new OffscreenCanvas(side, side), eye = canvas.getContext('2d');
      eye.drawImage(document.querySelector(selector), 0, 0, side, side);
      const grey = [], pixels = eye.getImageData(0, 0, side, side).data;
      for (let i = 0; i < pixels.length; i += 4)
        grey.push((pixels[i] + 2 * pixels[i + 1] + pixels[i + 2]) / 4);
      return grey;
    }"""
    return np.array(page.evaluate(script, [selector, SIDE]), float).reshape(SIDE, SIDE)


def difference(one, other):
    """RMS of two snapshots' difference, in grey levels."""
    return float(np.sqrt(((one - other) ** 2).mean()))
