"""How well an output follows its driver, from the landmarks found in both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.geometry import euler_deg, fit_pose
from engines.scores import (
    angle_deg,
    eye_aperture,
    fit_line,
    jitter,
    lip_aperture,
    mouth_width,
    turn,
)
from streamer.config import LimitsConfig
from streamer.frame import Array, Landmarks

_LIPS_TOUCH = 0.03
_LIDS_SHUT = 0.55
_LIP_STD = 0.01
_LID_STD = 0.05


@dataclass(frozen=True, slots=True)
class Expression:
    """One frame against the face's own neutral."""

    turn: Array
    """(3, 3) rotation in the neutral head's frame"""
    lids: float
    """eye aperture, 1 in the neutral frame"""
    lips: float
    """distance of the inner lips in neutral mouth widths"""


Trace = Sequence[Expression | None]


def trace(track: Sequence[Landmarks | None], neutral: Landmarks) -> Trace:
    """Every frame of a track against `neutral`; None where there is no face."""
    eyes, width = eye_aperture(neutral), mouth_width(neutral)
    return [None if face is None else _expression(face, neutral, eyes, width) for face in track]


def _expression(face: Landmarks, neutral: Landmarks, eyes: float, width: float) -> Expression:
    size = width * fit_pose(face, neutral).scale
    return Expression(turn(face, neutral), eye_aperture(face) / eyes, lip_aperture(face, size))


def follow(driver: Trace, output: Trace, limits: LimitsConfig) -> dict[str, float]:
    """Pose error, apertures and gaps of an output whose frames are those of its driver."""
    both = [(a, b) for a, b in zip(driver, output, strict=True) if a is not None and b is not None]
    lips = fit_line([a.lips for a, _ in both], [b.lips for _, b in both], _LIP_STD)
    lids = fit_line([a.lids for a, _ in both], [b.lids for _, b in both], _LID_STD)
    inside = [(a, b) for a, b in both if _within(a.turn, limits)]
    touch = [(a, b) for a, b in both if a.lips <= _LIPS_TOUCH]
    shut = [(a, b) for a, b in both if a.lids <= _LIDS_SHUT]
    return {
        "pose_deg": mean([angle_deg(a.turn, b.turn) for a, b in inside]),
        "lip_r": lips.r,
        "lip_slope": lips.slope,
        "eye_r": lids.r,
        "eye_slope": lids.slope,
        "lip_gap": mean([b.lips for _, b in touch]),
        "lip_gap_driver": mean([a.lips for a, _ in touch]),
        "lid_gap": mean([b.lids for _, b in shut]),
        "lid_gap_driver": mean([a.lids for a, _ in shut]),
        "found": len(both) / max(sum(a is not None for a in driver), 1),
    }


def _within(rotation: Array, limits: LimitsConfig) -> bool:
    yaw, pitch, roll = euler_deg(rotation)
    return (
        abs(yaw) <= limits.yaw_deg[0]
        and abs(pitch) <= limits.pitch_deg[0]
        and abs(roll) <= limits.roll_deg[0]
    )


def jitter_ratio(driver: Sequence[Landmarks | None], output: Sequence[Landmarks | None]) -> float:
    """Second differences of the output's landmarks over those of the driver's, where both exist."""
    pairs = list(zip(driver, output, strict=True))
    ours = [None if a is None else b for a, b in pairs]
    theirs = [None if b is None else a for a, b in pairs]
    return jitter(ours) / jitter(theirs)


def ratio(value: float, beside: float) -> float:
    """NaN where there is nothing to compare with."""
    return value / beside if beside else float("nan")


def mean(values: Sequence[float]) -> float:
    """The mean of the finite values; NaN when there is none."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
