"""What one driver's neutral face looks like: found over a whole clip, given, or learnt."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.geometry import Pose, fit_pose, rotation_vector
from streamer.clock import SECOND
from streamer.errors import MediaError
from streamer.frame import Array, Landmarks
from streamer.retarget.measure import eye_ratio, gaze_of, lip_gap

_SHUT = (0.2, 0.45)
"""A shut eye's ratio lies in this part of the open eye's."""
_SHUT_UNSEEN = 0.3
"""Where it is taken to be while no blink was seen. Measured on clips: 0.25 in the mean."""
_TOUCH = 0.025
"""Lips closer than this part of the mouth's width touch: closed ones keep a small gap."""
_MEAN_OF = 5
"""The neutral face is the mean of this many best frames."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A driver at rest."""

    points: Array
    """(478, 3) neutral face in the head frame"""
    pose: Pose
    """where the head is when the driver looks straight ahead"""
    eye_open: Array
    """(2,) eye ratio when open"""
    eye_shut: Array
    """(2,) eye ratio when shut"""
    lips_touch: float
    """lip gap, in mouth widths, below which the lips touch"""
    gaze: Array
    """(2,) gaze straight ahead"""

    @staticmethod
    def of(landmarks: Landmarks) -> "Calibration":
        """The calibration whose neutral face is this very one."""
        pose = fit_pose(landmarks)
        points = pose.to_head(landmarks)
        ratio = eye_ratio(points)
        return Calibration(points, pose, ratio, ratio * _SHUT_UNSEEN, _TOUCH, gaze_of(points))


@dataclass(frozen=True, slots=True)
class _Look:
    """One frame's face, measured."""

    pose: Pose
    points: Array
    eyes: Array
    lips: float


def _look(landmarks: Landmarks) -> _Look:
    pose = fit_pose(landmarks)
    points = pose.to_head(landmarks)
    return _Look(pose, points, eye_ratio(points), lip_gap(points))


def calibrate(track: Sequence[Landmarks | None]) -> Calibration:
    """The calibration that a whole clip gives: the most neutral frames, not the first one.

    Raises MediaError when no frame shows a face.
    """
    looks = [_look(landmarks) for landmarks in track if landmarks is not None]
    if not looks:
        raise MediaError("no face in the driving video: it needs one face, seen from the front")
    return _calibration(looks)


def _calibration(looks: Sequence[_Look]) -> Calibration:
    eyes = np.stack([look.eyes for look in looks])
    opened = np.median(eyes[eyes.mean(1) >= np.median(eyes.mean(1))], 0)
    shut = np.clip(np.percentile(eyes, 1, axis=0) * 1.1, _SHUT[0] * opened, _SHUT[1] * opened)
    best = [looks[int(i)] for i in np.argsort(unrest(looks))[:_MEAN_OF]]
    points = np.mean([look.points for look in best], 0).astype(np.float32)
    return Calibration(
        points=points,
        pose=best[0].pose,
        eye_open=eye_ratio(points),
        eye_shut=shut.astype(np.float32),
        lips_touch=_TOUCH,
        gaze=np.median([gaze_of(look.points) for look in best], 0).astype(np.float32),
    )


def unrest(looks: Sequence[_Look]) -> Array:
    """(N,) how far each frame is from rest: turned, mouth open, eyes not, an unusual face."""
    turns = np.array([rotation_vector(look.pose.rotation) for look in looks])
    usual = np.median(turns, 0)
    off_usual = np.degrees(np.linalg.norm(turns - usual, axis=1))
    off_front = np.degrees(np.linalg.norm(turns[:, :2], axis=1))
    lips = np.array([look.lips for look in looks])
    eyes = np.array([look.eyes.mean() for look in looks])
    middle = np.median([look.points for look in looks], 0)
    shape = np.array([np.abs(look.points[:468] - middle[:468]).mean() for look in looks])
    lids = np.abs(eyes / max(float(np.percentile(eyes, 75)), 1e-6) - 1)
    return (off_usual / 10 + off_front / 15 + lips / 0.05 + lids / 0.15 + shape / 0.01).astype(
        np.float32
    )


class RunningCalibration:
    """Learns the neutral face while running: the most neutral frames of the last seconds."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._span_ns = int(seconds * SECOND)
        self._looks: deque[tuple[int, _Look]] = deque()
        self._target: Calibration | None = None
        self._current: Calibration | None = None
        self._found_ns = self._seen_ns = 0

    def see(self, landmarks: Landmarks, at_ns: int) -> Calibration:
        """The calibration as known at `at_ns`.

        Looks five times a second, decides once, drifts there in a second.
        """
        if not self._looks or at_ns - self._looks[-1][0] >= SECOND // 5:
            self._looks.append((at_ns, _look(landmarks)))
            while self._looks[0][0] < at_ns - self._span_ns:
                self._looks.popleft()
        if self._target is None or at_ns - self._found_ns >= SECOND:
            self._target = _calibration([look for _, look in self._looks])
            self._found_ns = at_ns
        share = min(max((at_ns - self._seen_ns) / SECOND, 0.0), 1.0)
        self._seen_ns = at_ns
        self._current = (
            _nearer(self._current, self._target, share) if self._current else self._target
        )
        return self._current


def _nearer(old: Calibration, new: Calibration, share: float) -> Calibration:
    """A step from one calibration to another, so that a new neutral makes no jump."""

    def mix(a: Array, b: Array) -> Array:
        return (a + share * (b - a)).astype(np.float32)

    u, _, vt = np.linalg.svd(mix(old.pose.rotation, new.pose.rotation))
    pose = Pose(
        (u @ vt).astype(np.float32),
        mix(old.pose.translation, new.pose.translation),
        old.pose.scale + share * (new.pose.scale - old.pose.scale),
    )
    return Calibration(
        mix(old.points, new.points),
        pose,
        mix(old.eye_open, new.eye_open),
        mix(old.eye_shut, new.eye_shut),
        new.lips_touch,
        mix(old.gaze, new.gaze),
    )
