"""One-Euro filters: still when the driver is still, without lag when they move."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.geometry import rotation_matrix, rotation_vector
from streamer.clock import SECOND
from streamer.frame import Array, Motion


@dataclass(frozen=True, slots=True)
class Tuning:
    """Constants of one signal. Cut-offs in Hz; `beta` in Hz per unit of speed of the signal.

    Casiez, Roussel, Vogel 2012 (doi 10.1145/2207676.2208639). The values used here were found by
    simulation of blinks, speech and head turns at 30 fps: textbook constants never let the eyes
    close.
    """

    cutoff: float
    beta: float
    speed_cutoff: float


class OneEuro:
    """Filters an array, each element by its own speed."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._value: Array | None = None
        self._speed: Array | None = None
        self._at_ns = 0

    def restart(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._value = None

    def __call__(self, value: Array, at_ns: int) -> Array:
        """The filtered value at the instant `at_ns`; a step back in time counts as 1 ms."""
        if self._value is None or self._speed is None:
            self._value, self._speed = value.copy(), np.zeros_like(value)
            self._at_ns = at_ns
            return value
        seconds = max((at_ns - self._at_ns) / SECOND, 1e-3)
        self._at_ns = at_ns
        speed = (value - self._value) / seconds
        self._speed = self._speed + _share(self._tuning.speed_cutoff, seconds) * (
            speed - self._speed
        )
        cutoff = self._tuning.cutoff + self._tuning.beta * np.abs(self._speed)
        self._value = self._value + _share(cutoff, seconds) * (value - self._value)
        return self._value


def _share(cutoff_hz: Array | float, seconds: float) -> Array:
    """Weight of the new value in exponential smoothing with this cut-off."""
    turn = 2 * np.pi * np.asarray(cutoff_hz, np.float32) * seconds
    return (turn / (turn + 1)).astype(np.float32)


_TURN = Tuning(1.0, 0.1, 1.0)
_PLACE = Tuning(0.8, 8.0, 1.0)
_DELTAS = Tuning(1.5, 12.0, 5.0)
_LIDS = Tuning(1.0, 2.0, 5.0)
_LIPS = Tuning(2.0, 12.0, 8.0)
"""Speech moves the lips at up to 8 Hz by a tenth of the mouth's width; all of that must pass."""
_GAZE = Tuning(1.5, 1.5, 3.0)

_TWICE = 8.0
"""Filtering in both directions smooths twice, without lag: the constants may be looser."""


class MotionFilter:
    """Filters every part of a motion for itself: turns in degrees, lengths in face widths."""

    def __init__(self, loose: float = 1.0) -> None:
        tunings = (_TURN, _PLACE, _DELTAS, _LIDS, _LIPS, _GAZE)
        self._filters = [OneEuro(_loosened(tuning, loose)) for tuning in tunings]

    def restart(self) -> None:
        """Forget the past."""
        for one in self._filters:
            one.restart()

    def __call__(self, motion: Motion, at_ns: int) -> Motion:
        """The filtered motion. Lips that touch and lids that are shut stay so."""
        raw = (
            np.degrees(rotation_vector(motion.rotation)).astype(np.float32),
            np.array([*motion.translation, motion.scale], np.float32),
            motion.deltas,
            motion.openness,
            np.array([motion.aperture, motion.jaw], np.float32),
            motion.gaze,
        )
        steady = [one(value, at_ns) for one, value in zip(self._filters, raw, strict=True)]
        turn, place, deltas, lids, lips, gaze = steady
        return Motion(
            rotation=rotation_matrix(np.radians(turn)),
            translation=place[:2],
            scale=float(place[2]),
            deltas=deltas,
            openness=np.where(motion.openness == 0, 0, lids).astype(np.float32),
            gaze=gaze,
            aperture=0.0 if motion.aperture == 0 else float(lips[0]),
            jaw=float(lips[1]),
        )


def _loosened(tuning: Tuning, factor: float) -> Tuning:
    return Tuning(tuning.cutoff * factor, tuning.beta * factor, tuning.speed_cutoff)


def smoothed(motions: Sequence[Motion], times_ns: Sequence[int]) -> list[Motion]:
    """A whole recording filtered without lag: the mean of filtering it forwards and backwards."""
    ahead, back = MotionFilter(_TWICE), MotionFilter(_TWICE)
    forward = [ahead(m, t) for m, t in zip(motions, times_ns, strict=True)]
    backward = [back(m, -t) for m, t in zip(motions[::-1], times_ns[::-1], strict=True)][::-1]
    return [_mean(a, b) for a, b in zip(forward, backward, strict=True)]


def _mean(a: Motion, b: Motion) -> Motion:
    half = rotation_vector(np.asarray(a.rotation.T @ b.rotation, np.float32)) / 2
    return replace(
        a,
        rotation=(a.rotation @ rotation_matrix(half)).astype(np.float32),
        translation=(a.translation + b.translation) / 2,
        scale=(a.scale + b.scale) / 2,
        deltas=(a.deltas + b.deltas) / 2,
        openness=(a.openness + b.openness) / 2,
        gaze=(a.gaze + b.gaze) / 2,
        aperture=(a.aperture + b.aperture) / 2,
        jaw=(a.jaw + b.jaw) / 2,
    )
