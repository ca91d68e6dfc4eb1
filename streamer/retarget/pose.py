"""Rigid motion of the head: from the driver's pose to the portrait's, within its limits."""

import numpy as np

from engines.geometry import Pose, euler_deg, from_euler_deg, rotation_matrix, rotation_vector
from streamer.config import LimitsConfig
from streamer.frame import Array

NECK = np.array([0.0, 0.62, 0.12], np.float32)
"""What the head turns about (head frame): 9.5 cm below, 2 cm behind the middle of the ears."""

_TURNED_DEG, _LEAST_ROOM = 10.0, 0.35


def scaled_rotation(rotation: Array, gain: float) -> Array:
    """The same turn, `gain` times as far."""
    return rotation_matrix(rotation_vector(rotation) * gain)


def soft_limit(value: float, knee: float, limit: float) -> float:
    """`value` unchanged up to `knee`, then bent smoothly so that it never passes `limit`."""
    size = abs(value)
    if size <= knee:
        return value
    room = max(limit - knee, 1e-6)
    return float(np.copysign(knee + room * np.tanh((size - knee) / room), value))


def smooth_step(x: float) -> float:
    """0 to 1 with zero slope at both ends."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def limited_rotation(rotation: Array, limits: LimitsConfig, photo_yaw_deg: float) -> Array:
    """A turn away from the photo, kept inside the limits of yaw, pitch and roll.

    A photo that is itself turned hides one cheek: turns that would show it are held shorter.
    """
    yaw, pitch, roll = euler_deg(rotation)
    room = 1.0
    if yaw * photo_yaw_deg < 0:
        room = float(np.clip(1 - (abs(photo_yaw_deg) - _TURNED_DEG) / 40, _LEAST_ROOM, 1))
    return from_euler_deg(
        soft_limit(yaw, limits.yaw_deg[0] * room, limits.yaw_deg[1] * room),
        soft_limit(pitch, *limits.pitch_deg),
        soft_limit(roll, *limits.roll_deg),
    )


def head_shift(neutral: Pose, now: Pose) -> Array:
    """(2,) face widths the driver's neck moved; what the turn of the head does is not in it."""
    moved = now.translation + now.scale * now.rotation @ NECK
    rest = neutral.translation + neutral.scale * neutral.rotation @ NECK
    return ((moved - rest) / neutral.scale)[:2]
