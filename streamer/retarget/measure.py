"""What is read off a face in the head frame: proportions, openness of eyes and lips, gaze."""

from dataclasses import dataclass

import numpy as np

from engines.geometry import IRISES, eyes
from streamer.frame import Array

_INNER_LIDS = slice(1, 6)
"""Rows of the lids, without those nearest to the corners, whose distances make the openness."""


@dataclass(frozen=True, slots=True)
class Proportions:
    """Sizes that differ between people, in face widths."""

    mouth: float
    lower_face: float
    face: float
    height: float
    brow: float


def proportions(points: Array) -> Proportions:
    """Of a face (478, 3) in the head frame."""
    brow = [_distance(points, int(eye.brow[2]), int(eye.upper[3])) for eye in eyes()]
    return Proportions(
        mouth=_distance(points, 61, 291),
        lower_face=_distance(points, 2, 152),
        face=_distance(points, 234, 454),
        height=_distance(points, 10, 152),
        brow=sum(brow) / 2,
    )


def eye_ratio(points: Array) -> Array:
    """(2,) mean distance of the lids over the eye's width (EAR), left and right in the picture."""
    ratios: list[float] = []
    for eye in eyes():
        width = _distance(points, *(int(i) for i in eye.corners))
        lids = points[eye.upper[_INNER_LIDS], :2] - points[eye.lower[_INNER_LIDS], :2]
        gaps: Array = np.linalg.norm(lids, axis=1)
        ratios.append(float(np.mean(gaps)) / max(width, 1e-6))
    return np.array(ratios, np.float32)


def lip_gap(points: Array) -> float:
    """Distance of the inner lips at their middle, in mouth widths (61-291)."""
    return _distance(points, 13, 14) / max(_distance(points, 61, 291), 1e-6)


def gaze_of(points: Array) -> Array:
    """(2,) mean place of both irises in their eyes, x right, y down.

    In half eye widths from the middle of the corners. The mean of both eyes: their difference is
    mostly noise of the landmarks.
    """
    total = np.zeros(2, np.float32)
    for eye, iris in zip(eyes(), IRISES, strict=True):
        a, b = points[eye.corners, :2]
        if a[0] > b[0]:
            a, b = b, a
        axis = b - a
        half = max(float(np.linalg.norm(axis)) / 2, 1e-6)
        along = axis / (2 * half)
        across = np.array([-along[1], along[0]], np.float32)
        offset = points[iris, :2] - (a + b) / 2
        total += np.array([offset @ along, offset @ across], np.float32) / half
    return total / 2


def _distance(points: Array, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))
