"""The retargeter: landmarks of the driver in, motion of the portrait out."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from engines.geometry import Pose, canonical, euler_deg
from streamer.config import GainsConfig, RetargetConfig
from streamer.frame import Array, Landmarks, Motion
from streamer.portrait import Portrait
from streamer.retarget.calibration import Calibration, RunningCalibration
from streamer.retarget.expression import Expressions
from streamer.retarget.filters import MotionFilter, smoothed
from streamer.retarget.look import Look, look
from streamer.retarget.pose import head_shift, limited_rotation, scaled_rotation, soft_limit
from streamer.retarget.presence import Presence, PresenceKeeper


class MotionReader:
    """Reads one driver's looks as motion of one portrait, frame by frame and unfiltered."""

    def __init__(self, config: RetargetConfig, portrait: Portrait) -> None:
        self._mode, self._limits = config.mode, config.limits
        self._gains, self._mirror = config.gains, config.mirror
        self._portrait_pose = portrait.pose
        self._photo_yaw = euler_deg(portrait.pose.rotation)[0]
        self._expressions = Expressions(portrait.points, config.gains)

    def follow(self, gains: GainsConfig, *, mirror: bool) -> None:
        """How strongly, and in which direction, from now on."""
        self._gains, self._mirror = gains, mirror
        self._expressions.gains = gains

    def show(self, portrait: Portrait) -> None:
        """Go on with another portrait; what the driver was doing is not forgotten."""
        self._portrait_pose = portrait.pose
        self._photo_yaw = euler_deg(portrait.pose.rotation)[0]
        self._expressions.show(portrait.points)

    def read(self, seen: Look, calibration: Calibration) -> Motion:
        """The motion that one frame shows."""
        pose, limits = seen.pose, self._limits
        yaw = euler_deg(pose.rotation)[0]
        expression = self._expressions.read(seen.points, yaw, calibration)
        grown = soft_limit(pose.scale / calibration.pose.scale - 1, limits.scale / 2, limits.scale)
        shift = head_shift(calibration.pose, pose) * self._gains.shift
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
        return mirrored(motion) if self._mirror else motion

    def _rotation(self, pose: Pose, calibration: Calibration) -> Array:
        head = self._gains.head
        if self._mode == "absolute":
            turned = scaled_rotation(pose.rotation, head)
            relative = self._portrait_pose.rotation.T @ turned
        else:
            relative = scaled_rotation(calibration.pose.rotation.T @ pose.rotation, head)
        return limited_rotation(relative, self._limits, self._photo_yaw)


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
    """Moves one portrait by one driver as the frames come; with an answer when no face is seen."""

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
        seen = look(landmarks)
        calibration = self._calibration or self._running.see(seen, at_ns)
        motion = self._filter(self._reader.read(seen, calibration), at_ns)
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
        read = [reader.read(look(face), calibration) for face, _ in part if face is not None]
        shown = smoothed(read, times) if seen else [None] * len(part)
        motions += [presence.next(motion, at) for motion, at in zip(shown, times, strict=True)]
    return motions
