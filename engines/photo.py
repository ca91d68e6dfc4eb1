"""What the embedder sees of a photo: the face's surroundings, and the lines of the face, drawn.

Training and the program make it with this one function, or the numbers would mean nothing.
"""

from typing import Any, cast

import cv2
import numpy as np

from engines.contract import Bytes
from engines.geometry import (
    LIP_RINGS_LOWER,
    LIP_RINGS_UPPER,
    OVAL,
    Array,
    Eye,
    Index,
    eyes,
    fit_pose,
    lip_contour,
)
from engines.region import Square, face_square
from engines.vision import remapped, resized

SIDE = 128
"""px"""
_FINEST = 8
"""Samples along a side of a pixel, at most: photos are far larger than this."""
_RIDGE, _NOSTRILS = (168, 6, 197, 195, 5, 4), (48, 115, 220, 45, 4, 275, 440, 344, 278)
_MOUTH = (61, 291)
"""Outer corners of the lips."""
_SHIFT = 4
"""Binary places of the points of lines, below a pixel."""

_cv2 = cast("Any", cv2)


def photo(picture: Bytes, landmarks: Array) -> Bytes:
    """(SIDE, SIDE, 6) of a picture (H, W, 3) with a face at `landmarks` (478, 3) px.

    The square of the whole face, upright, as the refiner sees it (`region.FACE`). Channels: red,
    green, blue; then lines of a pixel's width with soft edges, 255 on 0: outline, brows and nose;
    lids, these at 128, and the irises filled; both rims of the lips. Beyond the picture its
    outermost pixels go on.
    """
    square = face_square(fit_pose(landmarks), _as_it_is)
    points = square.seen(landmarks, SIDE)
    return np.concatenate([_colours(picture, square), _drawing(points)], 2)


def _as_it_is(points: Array) -> Array:
    return points


def _colours(picture: Bytes, square: Square) -> Bytes:
    """(SIDE, SIDE, 3), each the mean of what it covers."""
    fine = int(np.clip(round(square.side / SIDE), 1, _FINEST))
    places = square.grid(fine * SIDE)
    return resized(remapped(picture, places, cv2.BORDER_REPLICATE, cv2.INTER_LINEAR), (SIDE, SIDE))


def _drawing(points: Array) -> Bytes:
    """(SIDE, SIDE, 3) the lines of a face whose points (478, 2) are there."""
    frame, looks, mouth = (np.zeros((SIDE, SIDE), np.uint8) for _ in range(3))
    _line(frame, points[list(OVAL)], closed=True)
    _line(frame, points[list(_RIDGE)], closed=False)
    _line(frame, points[list(_NOSTRILS)], closed=False)
    for eye in eyes():
        _line(frame, points[_around(eye.brow)], closed=True)
        _line(looks, points[eye.contour], closed=True, level=128)
        _iris(looks, points, eye)
    left, right = _MOUTH
    outer = [left, *LIP_RINGS_UPPER[-1], right, *LIP_RINGS_LOWER[-1][::-1]]
    for rim in (points[outer], points[lip_contour()]):
        _line(mouth, rim, closed=True)
    return np.dstack([frame, looks, mouth])


def _around(brow: Index) -> Index:
    """Its upper row there, and its lower one back."""
    half = len(brow) // 2
    return np.concatenate([brow[:half], brow[half:][::-1]])


def _line(plane: Bytes, points: Array, *, closed: bool, level: int = 255) -> None:
    _cv2.polylines(plane, [_fixed(points)], closed, level, 1, cv2.LINE_AA, _SHIFT)


def _iris(plane: Bytes, points: Array, eye: Eye) -> None:
    middle, rim = points[eye.iris], points[eye.iris + 1 : eye.iris + 5]
    radius = float(np.linalg.norm(rim - middle, axis=1).mean())
    place = tuple(map(int, _fixed(middle)))
    _cv2.circle(plane, place, round(radius * 2**_SHIFT), 255, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _fixed(points: Array) -> Index:
    """Whole numbers, as OpenCV takes them; far outside is as good as very far."""
    return np.clip(np.round(points * 2**_SHIFT), -(1 << 14), 1 << 14).astype(np.int32)
