"""Notices pictures in which nobody can be seen: black ones, and ones that stand still."""

import numpy as np
from numpy.typing import NDArray

from streamer.clock import SECOND
from streamer.frame import Image

_STEP = 11
"""One row in so many is looked at: fewer than a line of text is high."""
_DARK = 32
"""Above the noise of a covered sensor; a face in the light of its screen is brighter."""
_MOSTLY = 0.005
"""Share of brighter samples that hot pixels may make."""
_BLACK_NS = 2 * SECOND
_FROZEN_NS = 3 * SECOND

_BLACK = "the picture is black: open the lens cover or the privacy switch, or let light in"
_FROZEN = "the picture stands still: unplug the camera and plug it in again"


class PictureWatch:
    """Looks at each image of one camera. Only one thread may call `look`; any may read `state`."""

    def __init__(self) -> None:
        self._state = ""
        self._black_since_ns: int | None = None
        self._changed_ns = 0
        self._rows: NDArray[np.uint8] | None = None

    @property
    def state(self) -> str:
        """What is wrong with the pictures, for a person; empty when nothing is."""
        return self._state

    def look(self, image: Image, at_ns: int) -> None:
        """Judge one image. Some ten microseconds."""
        rows = image[::_STEP]
        if self._rows is None or not np.array_equal(rows, self._rows):  # sensors never repeat
            self._rows, self._changed_ns = rows.copy(), at_ns
        if not _is_black(rows):
            self._black_since_ns = None
        elif self._black_since_ns is None:
            self._black_since_ns = at_ns
        self._state = self._words(at_ns)

    def _words(self, at_ns: int) -> str:
        if self._black_since_ns is not None and at_ns - self._black_since_ns > _BLACK_NS:
            return _BLACK
        return _FROZEN if at_ns - self._changed_ns > _FROZEN_NS else ""


def _is_black(rows: NDArray[np.uint8]) -> bool:
    samples = rows[:, ::_STEP]
    return np.count_nonzero(samples > _DARK) <= _MOSTLY * samples.size
