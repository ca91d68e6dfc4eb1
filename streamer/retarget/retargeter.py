"""The retargeter: landmarks of the driver in, motion of the portrait out."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from engines.geometry import Pose, canonical, euler_deg, fit_pose
from streamer.config import RetargetConfig
from streamer.frame import Array, Landmarks, Motion
from streamer.portrait import Portrait
from streamer.retarget.calibration import Calibration, RunningCalibration
from streamer.retarget.expression import Expressions
from streamer.retarget.filters import MotionFilter, smoothed
from streamer.retarget.pose import head_shift, limited_rotation, scaled_rotation, soft_limit
from streamer.retarget.presence import Presence, PresenceKeeper


class MotionReader:
    """Reads one driver's landmarks as motion of one portrait, frame by frame and unfiltered."""

    def __init__(self, config: RetargetConfig, portrait: Portrait) -> None:
        self._config = config
        self._portrait_pose = portrait.pose
        self._photo_yaw = euler_deg(portrait.pose.rotation)[0]
        self._expressions = Expressions(portrait.points, config.gains)

    def read(self, landmarks: Landmarks, calibration: Calibration) -> Motion:
        """The motion that one frame shows."""
        pose = fit_pose(landmarks)
        yaw = euler_deg(pose.rotation)[0]
        expression = self._expressions.read(pose.to_head(landmarks), yaw, calibration)
        limits = self._config.limits
        grown = soft_limit(pose.scale / calibration.pose.scale - 1, limits.scale / 2, limits.scale)
        shift = head_shift(calibration.pose, pose) * self._config.gains.shift
        motion = Motion(
            rotation=self._rotation(pose, calibration),
            translation=shift.astype(np.float32),
            scale=1 + grown,
            deltas=expression.deltas,
            openness=expression.openness,
            gaze=expression.gaze,
            aperture=expression.aperture,
            jaw=expression.jaw,
        )
        return mirrored(motion) if self._config.mirror else motion

    def _rotation(self, pose: Pose, calibration: Calibration) -> Array:
        head = self._config.gains.head
        if self._config.mode == "absolute":
            turned = scaled_rotation(pose.rotation, head)
            relative = self._portrait_pose.rotation.T @ turned
        else:
            relative = scaled_rotation(calibration.pose.rotation.T @ pose.rotation, head)
        return limited_rotation(relative, self._config.limits, self._photo_yaw)


def mirrored(motion: Motion) -> Motion:
    """The same motion as a mirror shows it: left and right change places."""
    flip = np.array([-1, 1, 1], np.float32)
    return replace(
        motion,
        rotation=motion.rotation * np.outer(flip, flip),
        translation=motion.translation * flip[:2],
        deltas=motion.deltas[canonical().mirror] * flip,
        openness=motion.openness[::-1].copy(),
        gaze=motion.gaze * flip[:2],
    )


class PortraitRetargeter:
    """Moves one portrait by one driver, live; with an answer when no face is seen."""

    def __init__(
        self, config: RetargetConfig, portrait: Portrait, calibration: Calibration | None
    ) -> None:
        self._reader = MotionReader(config, portrait)
        self._calibration = calibration
        self._running = RunningCalibration()
        self._filter = MotionFilter()
        self._presence = PresenceKeeper()

    @property
    def presence(self) -> Presence:
        """Whether the driver is seen, and what the portrait does instead."""
        return self._presence.state

    def retarget(self, landmarks: Landmarks | None, at_ns: int) -> Motion:
        """The motion at the capture instant `at_ns`; without a face, what presence asks for."""
        if landmarks is None:
            return self._presence.next(None, at_ns)
        if self._presence.fresh:
            self._filter.restart()
        calibration = self._calibration or self._running.see(landmarks, at_ns)
        motion = self._filter(self._reader.read(landmarks, calibration), at_ns)
        return self._presence.next(motion, at_ns)


def retarget_recording(
    config: RetargetConfig,
    portrait: Portrait,
    calibration: Calibration,
    landmarks: Sequence[Landmarks | None],
    times_ns: Sequence[int],
) -> list[Motion]:
    """The motion of a whole recording, filtered without lag because the future is known."""
    reader, presence = MotionReader(config, portrait), PresenceKeeper()
    motions: list[Motion] = []
    frames = zip(landmarks, times_ns, strict=True)
    for seen, run in groupby(frames, key=lambda frame: frame[0] is not None):
        part = list(run)
        times = [at_ns for _, at_ns in part]
        read = [reader.read(face, calibration) for face, _ in part if face is not None]
        shown = smoothed(read, times) if seen else [None] * len(part)
        motions += [presence.next(motion, at) for motion, at in zip(shown, times, strict=True)]
    return motions
