"""One frame's face, measured once for all who need it, and whether it is a face at all."""

from dataclasses import dataclass

import numpy as np

from engines.geometry import POINTS, Pose, canonical, fit_pose, rigid_weights
from streamer.frame import Array, Landmarks
from streamer.retarget.measure import eye_ratio, lip_gap

_SHAPE = (478, 3)
_FARTHEST_PX = 100_000.0
_SMALLEST_PX = 4.0
_STRANGEST = 0.2
"""A face's firm points lie this near to the average face's, in face widths."""


@dataclass(frozen=True, slots=True)
class Look:
    """One frame's face."""

    pose: Pose
    points: Array
    """(478, 3) in the head frame"""
    eyes: Array
    """(2,) eye ratio, left and right in the picture"""
    lips: float
    """gap of the lips in mouth widths"""


def look(landmarks: Landmarks) -> Look:
    """Measure a face."""
    pose = fit_pose(landmarks)
    points = pose.to_head(landmarks)
    return Look(pose, points, eye_ratio(points), lip_gap(points))


def believed(landmarks: Landmarks | None) -> Look | None:
    """The face, measured; None where there is none or what was found cannot be one.

    A detector that loses its way gives figures that are not finite, outside all reason, or a heap
    of points: they count as no face.
    """
    if landmarks is None or landmarks.shape != _SHAPE or not np.isfinite(landmarks).all():
        return None
    flat = landmarks[:, :2]
    if np.abs(landmarks).max() > _FARTHEST_PX or np.ptp(flat, axis=0).min() < _SMALLEST_PX:
        return None
    seen = look(landmarks)
    return seen if strangeness(seen) < _STRANGEST else None


def strangeness(seen: Look) -> float:
    """How far the firm points are from those of the average face, in face widths (RMS)."""
    weights = rigid_weights()
    away = ((seen.points[:POINTS] - canonical().points) ** 2).sum(1)
    return float(np.sqrt(weights @ away / weights.sum()))
