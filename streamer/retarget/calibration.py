"""What one driver's neutral face looks like: found over a whole clip, given, or learnt."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.geometry import POINTS, Pose, fit_pose, rigid_weights, rotation_vector
from streamer.clock import SECOND
from streamer.errors import MediaError
from streamer.frame import Array, Landmarks
from streamer.retarget.look import Look, look
from streamer.retarget.measure import eye_ratio, gaze_of

SHUT = (0.2, 0.45)
"""A shut eye's ratio lies in this part of the open eye's."""
_SHUT_UNSEEN = 0.3
"""Where it is taken to be while no blink was seen. Measured on clips: 0.25 in the mean."""
_TOUCH = 0.025
"""Lips closer than this part of the mouth's width touch: closed ones keep a small gap."""
_MEAN_OF = 5
"""The neutral face is the mean of this many best frames."""
_SEEN_ALIKE_DEG = 8.0
"""What the detector finds depends on the side from which it sees a face."""
_AWAKE = 0.8
"""Frames with eyes less open than this part of the usual are blinks, not rest."""


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
        return _around(look(landmarks).points, fit_pose(landmarks))


def _around(points: Array, pose: Pose) -> Calibration:
    """The calibration of one face in the head frame: no blink was seen."""
    ratio = eye_ratio(points)
    return Calibration(points, pose, ratio, ratio * _SHUT_UNSEEN, _TOUCH, gaze_of(points))


def calibrate(track: Sequence[Landmarks | None]) -> Calibration:
    """The calibration that a whole clip gives: the most neutral frames, not the first one.

    Raises MediaError when no frame shows a face.
    """
    looks = [look(landmarks) for landmarks in track if landmarks is not None]
    if not looks:
        raise MediaError("no face in the driving video: it needs one face, seen from the front")
    return most_neutral(looks)


def most_neutral(looks: Sequence[Look]) -> Calibration:
    """The calibration that the most neutral of some frames give, and the blinks among them."""
    eyes = np.stack([one.eyes for one in looks])
    opened = np.median(eyes[eyes.mean(1) >= np.median(eyes.mean(1))], 0)
    shut = np.clip(np.percentile(eyes, 1, axis=0) * 1.1, SHUT[0] * opened, SHUT[1] * opened)
    best = [looks[int(i)] for i in np.argsort(unrest(looks))[:_MEAN_OF]]
    points = np.mean([one.points for one in best], 0).astype(np.float32)
    return replace(
        _around(points, best[0].pose),
        eye_shut=shut.astype(np.float32),
        gaze=np.median([gaze_of(one.points) for one in best], 0).astype(np.float32),
    )


def at_rest(looks: Sequence[Look]) -> Calibration:
    """The calibration of a driver who holds still: the mean face and pose, blinks left out."""
    eyes = np.array([one.eyes.mean() for one in looks])
    usual = float(np.percentile(eyes, 75))
    awake = [one for one, ratio in zip(looks, eyes, strict=True) if ratio >= _AWAKE * usual]
    poses = [one.pose for one in awake]
    turns: Array = np.mean([pose.rotation for pose in poses], 0)
    u, _, vt = np.linalg.svd(turns)
    pose = Pose(
        (u @ vt).astype(np.float32),
        np.mean([pose.translation for pose in poses], 0).astype(np.float32),
        float(np.mean([pose.scale for pose in poses])),
    )
    return _around(np.mean([one.points for one in awake], 0).astype(np.float32), pose)


def unrest(looks: Sequence[Look]) -> Array:
    """(N,) how far each frame is from rest: turned, mouth open, eyes not, an unusual face."""
    turns = np.array([rotation_vector(one.pose.rotation) for one in looks])
    usual = np.median(turns, 0)
    off_usual = np.degrees(np.linalg.norm(turns - usual, axis=1))
    off_front = np.degrees(np.linalg.norm(turns[:, :2], axis=1))
    lips = np.array([one.lips for one in looks])
    eyes = np.array([one.eyes.mean() for one in looks])
    middle = np.median([one.points for one in looks], 0)
    shape = np.array([np.abs(one.points[:POINTS] - middle[:POINTS]).mean() for one in looks])
    lids = np.abs(eyes / max(float(np.percentile(eyes, 75)), 1e-6) - 1)
    return (off_usual / 10 + off_front / 15 + lips / 0.05 + lids / 0.15 + shape / 0.01).astype(
        np.float32
    )


def unlikeness(a: Calibration, b: Calibration) -> float | None:
    """How differently two faces are built: the RMS of their firm points from the front.

    In face widths; None where one is seen too far from the side of the other to tell.
    """
    turn = rotation_vector((a.pose.rotation.T @ b.pose.rotation).astype(np.float32))
    if np.degrees(np.linalg.norm(turn)) > _SEEN_ALIKE_DEG:
        return None
    weights = rigid_weights()
    pose = fit_pose(a.points, b.points[:POINTS])
    away = (pose.to_head(a.points[:POINTS]) - b.points[:POINTS])[:, :2] ** 2
    return float(np.sqrt(weights @ away.sum(1) / weights.sum()))


class RunningCalibration:
    """Learns the neutral face while running: the most neutral frames of the last seconds."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._span_ns = int(seconds * SECOND)
        self._looks: deque[tuple[int, Look]] = deque()
        self._target: Calibration | None = None
        self._current: Calibration | None = None
        self._found_ns = self._seen_ns = 0

    def see(self, seen: Look, at_ns: int) -> Calibration:
        """The calibration as known at `at_ns`.

        Looks five times a second, decides once, drifts there in a second.
        """
        if not self._looks or at_ns - self._looks[-1][0] >= SECOND // 5:
            self._looks.append((at_ns, seen))
            self._forget(at_ns)
        if self._target is None or at_ns - self._found_ns >= SECOND:
            self._target = most_neutral([one for _, one in self._looks])
            self._found_ns = at_ns
        share = min(max((at_ns - self._seen_ns) / SECOND, 0.0), 1.0)
        self._seen_ns = at_ns
        self._current = (
            _nearer(self._current, self._target, share) if self._current else self._target
        )
        return self._current

    def best(self, at_ns: int) -> Calibration | None:
        """The most neutral of the last seconds before `at_ns`; None when nobody was seen."""
        self._forget(at_ns)
        return most_neutral([one for _, one in self._looks]) if self._looks else None

    def _forget(self, at_ns: int) -> None:
        while self._looks and self._looks[0][0] < at_ns - self._span_ns:
            self._looks.popleft()


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
