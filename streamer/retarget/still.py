"""Taking the neutral face of a driver who holds still: a countdown, and how well it went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.geometry import POINTS, rotation_vector
from streamer.clock import SECOND
from streamer.frame import Array
from streamer.retarget.calibration import Calibration, at_rest
from streamer.retarget.look import Look

_COUNT_S, _TAKE_S = 3.0, 0.7
_LEAST = 3
_SEEN = 0.6
"""Part of the frames that must show a face."""
_TURN_DEG, _CHANGE, _LIPS_MOVE = 5.0, 0.005, 0.08
"""What the head may turn, the face change (face widths) and the lips part (mouth widths) at rest.

Measured in 0.7 s: faces held still before a noisy camera 0.4, 0.0008 and 0.02; people who talk
in the median 2 to 11, 0.0033 to 0.007 and 0.04 to 0.4.
"""
_OPEN_LIPS = 0.12
_FACE_PX = 200.0
"""Shake is told in pixels of a face this wide."""
_CALM_PX, _RESTLESS_PX = 0.4, 2.0
_BEST_STILL = 80
"""Quality of a neutral face without fault; blinks and turns are worth the rest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a calibration."""

    calibration: Calibration | None
    """None: it failed, and what was used before stays."""
    quality: int
    """0 to 100"""
    words: str
    """How it went, for a person."""


class Countdown:
    """Three, two, one, and the mean of the frames after it; fed with looks and instants.

    `learnt` tells how shut this driver's eyes were in the seconds before, if anybody was seen.
    """

    def __init__(self, started_ns: int, learnt: Calibration | None = None) -> None:
        self._started_ns = started_ns
        self._now_ns = started_ns
        self._learnt = learnt
        self._looks: list[Look] = []
        self._frames = 0

    @property
    def prompt(self) -> str:
        """What the driver is to do now."""
        left_s = _COUNT_S - (self._now_ns - self._started_ns) / SECOND
        if left_s > 0:
            return f"look straight at the camera, lips closed: {np.ceil(left_s):.0f}"
        return "hold still"

    def see(self, seen: Look | None, at_ns: int) -> Outcome | None:
        """The next frame, None without a face; the outcome when the time is over."""
        self._now_ns = max(at_ns, self._now_ns)
        gone_s = (self._now_ns - self._started_ns) / SECOND
        if gone_s < _COUNT_S:
            return None
        if gone_s < _COUNT_S + _TAKE_S or self._frames < _LEAST:
            self._frames += 1
            self._looks += [] if seen is None else [seen]
            return None
        if trouble := settled(self._looks, self._frames):
            return Outcome(
                None, 0, f"{trouble}: the old neutral face is kept; press c to try again"
            )
        calibration = at_rest(self._looks)
        if self._learnt is not None:
            share = self._learnt.eye_shut / np.maximum(self._learnt.eye_open, 1e-6)
            calibration = replace(calibration, eye_shut=calibration.eye_open * share)
        shake = shake_px(self._looks)
        quality = round(_BEST_STILL * clarity(shake))
        return Outcome(calibration, quality, f"neutral face taken, shake {shake:.1f} px")


def settled(looks: Sequence[Look], frames: int) -> str:
    """What is wrong with frames that should show a face at rest; empty when nothing is."""
    if len(looks) < max(_LEAST, _SEEN * frames):
        return "no face was seen"
    turns = np.degrees([rotation_vector(one.pose.rotation) for one in looks])
    if np.linalg.norm(turns - np.median(turns, 0), axis=1).max() > _TURN_DEG:
        return "the head moved"
    rest = np.array([np.abs(one.points[:POINTS] - _middle(looks)).mean() for one in looks])
    if np.percentile(rest, 80) > _CHANGE:
        return "the face moved"
    low, middle, high = np.percentile([one.lips for one in looks], [10, 50, 90])
    if middle > _OPEN_LIPS:
        return "the mouth was open"
    return "the mouth moved" if high - low > _LIPS_MOVE else ""


def shake_px(looks: Sequence[Look]) -> float:
    """How much the points of a still face shake, in pixels of a face 200 px wide."""
    points = np.stack([one.points[:POINTS, :2] for one in looks])
    spread: Array = np.sqrt(points.var(0).sum(1))
    return float(np.median(spread)) * _FACE_PX


def clarity(shake: float) -> float:
    """1 for a calm face, 0 for a restless one."""
    return float(np.clip((_RESTLESS_PX - shake) / (_RESTLESS_PX - _CALM_PX), 0, 1))


def _middle(looks: Sequence[Look]) -> Array:
    return np.median([one.points[:POINTS] for one in looks], 0).astype(np.float32)
