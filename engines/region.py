"""What the refiner sees of a picture: a square around a part of the face, in a box of whole pixels.

The square of the whole face stands still, whatever the head does; those of mouth and eyes go along,
by whole pixels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engines.contract import Bytes, Floats
from engines.geometry import Array, Pose

FACE, MOUTH, EYES = 2.4, 0.75, 0.95
"""Sides of the squares, in face widths."""
_STEP = 32
"""Sides of boxes are multiples of this, as far as the picture is large enough: so that portraits
with faces of about one size share an engine."""
_SOFT = 8.0
"""One part in so many of a square's half is where changes fade out."""
_MIDDLE = np.array([[0.0, 0.12, 0.0]], np.float32)
"""of the face, in the head frame"""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a picture, in whole pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """Those of the picture."""
        return slice(self.y, self.y + self.height)

    def common(self, other: "Box") -> "Box | None":
        """What lies in both; None where nothing does."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = min(self.x + self.width, other.x + other.width) - x
        height = min(self.y + self.height, other.y + other.height) - y
        return Box(x, y, width, height) if min(width, height) > 0 else None

    def cut(self, image: Bytes) -> Bytes:
        """The part of a whole picture that lies in the box; a view."""
        return image[self.rows, self.columns]

    @property
    def columns(self) -> slice:
        """Those of the picture."""
        return slice(self.x, self.x + self.width)


@dataclass(frozen=True, slots=True)
class Square:
    """What the net sees, in pixels of the picture. It may reach beyond it."""

    x: float
    """of the middle"""
    y: float
    side: float

    def inside(self, box: Box) -> Floats:
        """(4,) centre x, y and half sides x, y in the box' -1..1, which are its outer edges."""
        x = (2 * (self.x - box.x) + 1) / box.width - 1
        y = (2 * (self.y - box.y) + 1) / box.height - 1
        return np.array([x, y, self.side / box.width, self.side / box.height], np.float32)

    def seen(self, points: Array, count: int) -> Array:
        """(N, 2) places in the net's view, `count` px wide, of points (N, 2 or more) px."""
        low = np.array([self.x - self.side / 2, self.y - self.side / 2])
        return ((points[:, :2] - low) * (count / self.side) - 0.5).astype(np.float32)

    def fade(self, box: Box) -> Array:
        """(h, w) how much of what the net changes is left at each pixel of a box, as in the graph.

        All of it within, nothing at the square's border and beyond.
        """
        x = np.arange(box.x, box.x + box.width, dtype=np.float32) - self.x
        y = np.arange(box.y, box.y + box.height, dtype=np.float32) - self.y
        across, down = (_SOFT * (1 - np.abs(2 / self.side * away)) for away in (x, y))
        return np.outer(np.clip(down, 0, 1), np.clip(across, 0, 1)).astype(np.float32)

    def grid(self, count: int) -> Array:
        """(count, count, 2) where the net's pixels lie in the picture, px."""
        steps = (np.arange(count) + 0.5) * (self.side / count) - self.side / 2
        places = np.stack(np.meshgrid(steps + self.x, steps + self.y), -1)
        return places.astype(np.float32)


def face_square(pose: Pose, place: Callable[[Array], Array]) -> Square:
    """Around the face in the photo; `place` (N, 3) turns its pixels into those of the picture."""
    ends = pose.to_picture(_MIDDLE) + np.array([[0, 0, 0], [pose.scale, 0, 0]], np.float32)
    middle, beside = place(ends)
    return Square(float(middle[0]), float(middle[1]), FACE * float(beside[0] - middle[0]))


def face_box(square: Square, width: int, height: int) -> Box:
    """The part of a picture of this size that the square lies in, and some more to each side."""
    x, across = _span(square.x, square.side, width)
    y, down = _span(square.y, square.side, height)
    return Box(x, y, across, down)


def _span(middle: float, side: float, whole: int) -> tuple[int, int]:
    """Where the box begins and how long it is, along one axis."""
    low = max(0, math.floor(middle - side / 2))
    high = min(whole, math.ceil(middle + side / 2) + 1)
    length = min(whole, _ceiled(high - low, _STEP))
    return _clipped(round((low + high - length) / 2), whole - length), length


def part_box(middle: Array, face_px: float, width: int, height: int) -> Box:
    """Around a part of the face whose middle (2,) is there, large enough for each of them."""
    side = _ceiled(math.ceil(EYES * face_px), _STEP)
    across, down = min(width, side), min(height, side)
    x = _clipped(round(float(middle[0]) - (across - 1) / 2), width - across)
    y = _clipped(round(float(middle[1]) - (down - 1) / 2), height - down)
    return Box(x, y, across, down)


def part_square(box: Box, side: float) -> Square:
    """In the middle of a box."""
    return Square(box.x + (box.width - 1) / 2, box.y + (box.height - 1) / 2, side)


def _ceiled(length: int, step: int) -> int:
    return -(-length // step) * step


def _clipped(start: int, most: int) -> int:
    return min(max(start, 0), most)
