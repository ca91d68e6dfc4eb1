"""A picture of any shape on a canvas of fixed size: whole, in the middle, its sides continued.

Beside the picture its background goes on as its mirror image, ever more out of focus, and a
shoulder that the picture cuts off goes on and falls. Both are made once. For each picture there is
one copy of the canvas, one resize into it, and a soft seam.
"""

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.vision import blurred, resized
from streamer.frame import Array, Image

_cv2 = cast("Any", cv2)

_Focus = tuple[tuple[float, float], ...]
Words = NDArray[np.uint16]

_SEAM = 0.03
"""Width of the seam, in the shorter side of the picture."""
_BEHIND = ((0.004, 0.14), (0.02, 0.35))
_BODY_FOCUS = ((0.003, 0.06), (0.007, 0.35))
"""How blurred (sigma) background and person are how far from the picture, in canvas heights."""
_MIRRORED, _PLAIN = 0.22, 0.9
"""Over which distance, in the canvas' height, and how far the mirror image turns into the plain
colours of the picture's border: farther out it would bring back the light of its middle."""
_LEAST_SIGMA, _TILE = 3.0, 256
_DARKER = 0.16
"""What is taken from the light at the outermost."""
_SHOULDER = 0.08
"""Part of the picture from its side in which the slope of a shoulder is measured."""
_SOLID = 200
"""Matte value from which it is body and not hair."""
_FADE = 0.05
"""Distance over which what is no body fades, in heights of the picture."""
_SLOPES = (0.12, 1.2)
_ROUND = 2.2
"""How fast a shoulder falls off, by the square of the distance in heights of the picture."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a picture lies on the canvas, px."""

    canvas: tuple[int, int]
    """width and height"""
    x: int
    y: int
    width: int
    height: int

    @property
    def whole(self) -> bool:
        """Whether the picture fills the canvas."""
        return (self.width, self.height) == self.canvas

    @property
    def rows(self) -> slice:
        """Those of the picture."""
        return slice(self.y, self.y + self.height)

    @property
    def columns(self) -> slice:
        """Those of the picture."""
        return slice(self.x, self.x + self.width)


def fit(canvas: tuple[int, int], picture: tuple[int, int]) -> Fit:
    """A picture of this (width, height) as large as fits, in the middle.

    A difference of one per cent is stretched away rather than shown as a thin bar.
    """
    scale = min(canvas[0] / picture[0], canvas[1] / picture[1])
    width, height = (
        side if abs(side - part * scale) <= 0.01 * side else max(2, round(part * scale / 2) * 2)
        for side, part in zip(canvas, picture, strict=True)
    )
    x, y = (canvas[0] - width) // 2, (canvas[1] - height) // 2
    return Fit(canvas, x, y, width, height)


def covering(image: Image, size: tuple[int, int]) -> Image:
    """The middle of the picture, as large as fills this (width, height)."""
    height, width = image.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    w, h = min(width, round(size[0] / scale)), min(height, round(size[1] / scale))
    x, y = (width - w) // 2, (height - h) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return resized(np.ascontiguousarray(image[y : y + h, x : x + w]), size, method)


class Surround:
    """The canvas around pictures of one portrait before one background."""

    def __init__(self, canvas: Image, fit: Fit) -> None:
        """`canvas` holds the picture at rest in its place."""
        self._canvas, self._fit = canvas, fit
        self._seams = [] if fit.whole else list(_seams(canvas, fit))

    def placed(self, picture: Image) -> Image:
        """The canvas with this picture on it. The array is the caller's."""
        fit = self._fit
        if fit.whole:
            return (
                picture
                if picture.shape == self._canvas.shape
                else resized(picture, fit.canvas, cv2.INTER_LINEAR)
            )
        out = self._canvas.copy()
        here = out[fit.rows, fit.columns]
        if picture.shape == here.shape:
            here[:] = picture
        else:
            cv2.resize(picture, (fit.width, fit.height), here, interpolation=cv2.INTER_LINEAR)
        for seam in self._seams:
            part = here[seam.rows, seam.columns]
            part[:] = (part * seam.share + seam.rest) >> 8
        return out


@dataclass(frozen=True, slots=True)
class _Seam:
    """A strip inside the picture that changes from what moves to what is at rest."""

    rows: slice
    columns: slice
    share: Words
    """(h, w, 1) of the moving picture, 0-256"""
    rest: Words
    """(h, w, 3) what the rest adds, times 256"""


def _seams(canvas: Image, fit: Fit) -> list[_Seam]:
    across = fit.width < fit.canvas[0]
    length = max(2, round(_SEAM * min(fit.width, fit.height)))
    ramp = np.round(256 * (np.arange(length) + 0.5) / length).astype(np.uint16)
    picture = canvas[fit.rows, fit.columns]
    seams: list[_Seam] = []
    for place, line in ((slice(0, length), ramp), (slice(-length, None), ramp[::-1])):
        rows, columns = (slice(None), place) if across else (place, slice(None))
        share = line[None, :, None] if across else line[:, None, None]
        rest = picture[rows, columns] * (np.uint16(256) - share) + np.uint16(128)
        seams.append(_Seam(rows, columns, share, rest))
    return seams


def continued(plate: Image, fit: Fit) -> Image:
    """(H, W, 3) the background of the picture (h, w, 3) over the whole canvas."""
    mirror, border = (_bordered(plate, fit, k) for k in (cv2.BORDER_REFLECT, cv2.BORDER_REPLICATE))
    share = np.clip(_away(fit) / (_MIRRORED * fit.canvas[1]), 0, 1)[..., None] * _PLAIN
    mixed = np.round(mirror + (border.astype(np.float32) - mirror) * share).astype(np.uint8)
    return dithered(_defocused(mixed, fit, _BEHIND))


def embodied(person: Image, fit: Fit) -> Image:
    """(H, W, 4) the person (h, w, 4), premultiplied, on the whole canvas.

    What the picture's border cuts off goes on: down as it is, to the sides falling. Hair and
    whatever else touches the sides fades instead.
    """
    y, x = np.mgrid[: fit.canvas[1], : fit.canvas[0]].astype(np.float32)
    away = np.maximum(fit.x - x, x - (fit.x + fit.width - 1))
    fall = np.zeros_like(away)
    for right in (False, True):
        side = (x >= fit.x + fit.width) if right else (x < fit.x)
        slope = _slope(person[:, ::-1, 3] if right else person[..., 3])
        fall += side * (slope * away + _ROUND / fit.height * away * away)
    places = np.dstack([np.clip(x, fit.x, fit.x + fit.width - 1), y - fall])
    everything = _moved(_bordered(person, fit, cv2.BORDER_REPLICATE), places)
    body = _moved(_bordered(_body_only(person), fit, cv2.BORDER_REPLICATE), places)
    share = np.clip(1 - away / (_FADE * fit.height), 0, 1)[..., None]
    wide = _bytes(body + (everything - body) * share)
    wide[: fit.y] = 0
    return _bytes(_defocused(wide, fit, _BODY_FOCUS))


def _moved(image: Image, places: Array) -> Array:
    moved: Image = _cv2.remap(image, places, None, cv2.INTER_LINEAR)
    return moved.astype(np.float32)


def _bytes(values: Array) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def darken(canvas: Image, fit: Fit) -> None:
    """Take light from the canvas (H, W, 3) towards its outermost."""
    away = _away(fit)
    light = (1 - _DARKER / max(float(away.max()), 1.0) * away)[..., None]
    low, right = fit.y + fit.height, fit.x + fit.width
    for rows, columns in (
        (slice(None), slice(fit.x)),
        (slice(None), slice(right, None)),
        (slice(fit.y), slice(None)),
        (slice(low, None), slice(None)),
    ):
        part = canvas[rows, columns]
        part[:] = part * light[rows, columns] + np.float32(0.5)


def _body_only(person: Image) -> Image:
    """The person (h, w, 4) whose outermost columns hold only what stands on the lower border.

    Hair is told by its gaps.
    """
    body = person.copy()
    inner = max(1, round(_SHOULDER * person.shape[1]))
    for side, strip in ((0, person[:, :inner, 3]), (-1, person[:, -inner:, 3])):
        gaps = np.flatnonzero((strip < _SOLID).any(1))
        body[: int(gaps[-1]) + 1 if len(gaps) else 0, side] = 0
    return body


def _slope(matte: NDArray[np.uint8]) -> float:
    """How steeply the person's upper outline falls towards the left side of the picture."""
    inner = max(1, round(_SHOULDER * matte.shape[1]))
    at_side, within = (int(np.argmax(matte[:, column] > 127)) for column in (0, inner))
    return float(np.clip((at_side - within) / inner, *_SLOPES))


def _bordered(image: Image, fit: Fit, kind: int) -> Image:
    below = fit.canvas[1] - fit.y - fit.height
    beside = fit.canvas[0] - fit.x - fit.width
    return _cv2.copyMakeBorder(image, fit.y, below, fit.x, beside, kind)


def _away(fit: Fit) -> Array:
    """(H, W) distance from the picture, px."""
    y, x = (np.arange(side, dtype=np.float32) for side in fit.canvas[::-1])
    right, low = fit.x + fit.width - 1, fit.y + fit.height - 1
    beside = np.maximum(np.maximum(fit.x - x, x - right), 0)
    below = np.maximum(np.maximum(fit.y - y, y - low), 0)
    return np.maximum(beside[None, :], below[:, None])


def _defocused(image: Image, fit: Fit, focus: _Focus) -> Array:
    """The canvas, ever more blurred with the distance from the picture."""
    away = _away(fit) / fit.canvas[1]
    out = image.astype(np.float32)
    for sigma, reach in focus:
        share = np.clip(away / reach, 0, 1)[..., None]
        out += (soft(image, sigma * fit.canvas[1]) - out) * share
    return out


def soft(image: Image, sigma: float) -> Array:
    """Strongly blurred, by `sigma` px, at little cost; in fractions, for `dithered`."""
    height, width = image.shape[:2]
    factor = max(1, int(sigma / _LEAST_SIGMA))
    small = resized(image, (max(1, width // factor), max(1, height // factor)))
    small = blurred(small.astype(np.float32), max(0.3, sigma / factor))
    return resized(small, (width, height), cv2.INTER_LINEAR)


def dithered(values: Array, strength: float = 0.7) -> Image:
    """As bytes, with grain of this sigma: without it a gradient shows bands."""
    height, width = values.shape[:2]
    tile = np.random.default_rng(0).normal(0, strength, (_TILE, _TILE, 1)).astype(np.float32)
    across, down = -(-width // _TILE), -(-height // _TILE)
    grain = np.tile(tile, (down, across, values.shape[2]))[:height, :width]
    return _cv2.add(values, grain, dtype=cv2.CV_8U)
