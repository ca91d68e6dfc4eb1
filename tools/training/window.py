"""Parts of views: a step on a quarter of the pixels costs a quarter, and the net sees no more."""

import numpy as np
from numpy.typing import NDArray

from engines.geometry import eyes, lip_contour
from tools.training.cache import Arrays
from tools.training.teacher import EVERY

MARGIN = 32
"""The picture goes on so far around a window, px, for the flow to fetch from."""
_AROUND = ("picture", "places", "layers", "truth")
_INSIDE = ("marks", "rest")
_MOUTHS, _EYES = 0.35, 0.25
"""Shares of windows that are on the mouth and on an eye; the others are anywhere."""
_OFF = 0.15
"""How far from the middle of those a window is, in its own sides."""


def windowed(row: Arrays, window: int, rng: np.random.Generator) -> Arrays:
    """A window of one sample as `cache.Samples` has it.

    The window is the region of a picture that is larger by the margin, as the region of the mouth
    is of a face's. Views are continued with their outermost pixels.
    """
    side = row["marks"].shape[0]
    top, left = (
        int(np.clip(v - window / 2, 0, side - window)) // EVERY * EVERY for v in _middle(row, rng)
    )
    found = dict(row)
    for names, margin in ((_AROUND, MARGIN), (_INSIDE, 0)):
        for name in names:
            found[name] = _cut(row[name], top - margin, left - margin, window + 2 * margin)
    found["left"] = _cut(row["left"], top // EVERY, left // EVERY, window // EVERY)
    begin = np.array([left - MARGIN, top - MARGIN], np.int16)
    inside = np.array([MARGIN, MARGIN, MARGIN + window, MARGIN + window], np.int16)
    known = row["known"] - np.tile(begin, 2)
    found["known"] = np.concatenate(
        [np.maximum(known[:2], inside[:2]), np.minimum(known[2:], inside[2:])]
    )
    found["landmarks"] = row["landmarks"] - begin
    return found


def _middle(row: Arrays, rng: np.random.Generator) -> NDArray[np.float64]:
    """(2,) y and x of the middle of a window, by chance."""
    lot, side = rng.random(), row["marks"].shape[0]
    if lot >= _MOUTHS + _EYES:
        return rng.uniform(0.1, 0.9, 2) * side
    some = lip_contour() if lot < _MOUTHS else eyes()[int(rng.random() < 0.5)].contour
    place = row["landmarks"][some].mean(0)[::-1].astype(np.float64)
    return place + rng.normal(0, _OFF * side / 2, 2)


def _cut(view: NDArray[np.generic], top: int, left: int, length: int) -> NDArray[np.generic]:
    """A square (length, length, C) of a view, whose outermost pixels go on."""
    rows, columns = view.shape[:2]
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(rows, top + length), min(columns, left + length)
    edges = ((y0 - top, top + length - y1), (x0 - left, left + length - x1), (0, 0))
    part = view[y0:y1, x0:x1]
    return np.pad(part, edges, "edge") if np.any(edges) else np.array(part)
