"""Sound by the instants at which it was captured, read at the pace of another clock.

A sound card has a clock of its own, off by up to some 200 parts in a million: 0.7 s an hour. So a
`Tape` notes when each sample was captured, and a `Follower` reads it a little faster or slower,
by interpolation, so that neither a click is heard nor the picture left behind.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.clock import MS, SECOND
from streamer.frame import Array

RATE = 48_000
"""Samples a second in files and at the speaker."""
KEEP_S = 4
"""Seconds that a tape holds."""
_STAMPS_S = 0.6
"""Over which stamps are compared; the one at a quarter is believed: most that err are late."""
_HALF = 8
"""Samples on either side of an instant that its value is made of."""
_PHASES = 1024
"""Instants between two samples that are told apart: what is left is below -60 dB at 10 kHz."""
_SETTLE_S = 4.0
"""Time in which two thirds of an error are made good."""
_STRAY = 0.01
"""By which the pace may differ from true: a sixth of a semitone."""
_JUMP_S = 0.04
"""A larger error is lost sound, not drift: it is skipped, or filled with silence."""
_SLEW = 0.005
"""How fast the delay follows the latency, in seconds a second."""
_STEP_NS = 100 * MS
"""A larger change of the latency is followed at once."""
_ASK_NS = SECOND // 2
"""Between two looks at the latency."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A block as it came from a microphone."""

    at_ns: int
    """Monotonic instant at which the first sample was captured."""
    samples: Array
    """(n,) mono, full scale 1."""
    broken: bool = False
    """Sound was lost just before."""


class Tape:
    """The last seconds of one microphone. Any thread adds and reads.

    Samples are numbered from 0; a fraction is an instant between two.
    """

    def __init__(self, rate: float = RATE) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._ring = np.zeros(int(rate * KEEP_S), np.float32)
        self._end = 0
        self._stamps: deque[tuple[int, int]] = deque()
        """Of each block: its first sample, and when sample 0 came if all is as stamped, in ns."""
        self._begin_ns: int | None = None

    def add(self, sound: Sound) -> None:
        """Append a block; at most `KEEP_S` long."""
        samples = sound.samples[-len(self._ring) :]
        with self._lock:
            if sound.broken:
                self._stamps.clear()
            self._note(sound.at_ns)
            at = np.arange(self._end, self._end + len(samples)) % len(self._ring)
            self._ring[at] = samples
            self._end += len(samples)

    def position(self, at_ns: int) -> float | None:
        """Where on the tape the instant is; None before any sound came."""
        with self._lock:
            begin_ns = self._begin_ns
        return None if begin_ns is None else (at_ns - begin_ns) * self.rate / SECOND

    def holds(self, position: float) -> bool:
        """Whether all sound up to there has come."""
        return position + _HALF < self._end

    def at(self, positions: NDArray[np.float64]) -> Array:
        """The sound at rising positions; silence where the tape has none (any more)."""
        first = int(positions[0]) - _HALF + 1
        samples = self._cut(first, int(positions[-1]) + _HALF + 2 - first)
        whole = np.floor(positions).astype(np.int64)
        phase = ((positions - whole) * _PHASES).astype(np.int64)
        taps = whole[:, None] + np.arange(1 - _HALF, _HALF + 1) - first
        return (samples[taps] * _KERNEL[phase]).sum(axis=1, dtype=np.float32)

    def _cut(self, first: int, count: int) -> Array:
        index = np.arange(first, first + count)
        with self._lock:
            begin = max(0, self._end - len(self._ring))
            known = (index >= begin) & (index < self._end)
            return np.where(known, self._ring[index % len(self._ring)], np.float32(0))

    def _note(self, at_ns: int) -> None:
        """A stamp came for the sample that is next."""
        self._stamps.append((self._end, at_ns - round(self._end * SECOND / self.rate)))
        while self._stamps[0][0] < self._end - _STAMPS_S * self.rate:
            self._stamps.popleft()
        begins = sorted(begin_ns for _, begin_ns in self._stamps)
        self._begin_ns = begins[len(begins) // 4]


class Follower:
    """Reads one tape at 48 kHz of another clock. For one thread."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._pace = tape.rate / RATE
        self._position: float | None = None

    def restart(self) -> None:
        """Forget where it was."""
        self._position = None

    def read(self, count: int, at_ns: int) -> Array | None:
        """`count` samples of which the first is to be what was captured at `at_ns`.

        None when they have not come yet. Calls are to follow each other by `count` samples.
        """
        wanted = self.tape.position(at_ns)
        if wanted is None:
            return None
        if self._position is None:
            self._position = wanted
        error = wanted - self._position
        jump = _JUMP_S * self.tape.rate
        if error > jump:
            self._position, error = wanted, 0.0
        quiet = min(count, round(-error / self._pace)) if error < -jump else 0
        stray = 0.0 if quiet else error / (_SETTLE_S * self.tape.rate)
        step = self._pace * (1 + min(max(stray, -_STRAY), _STRAY))
        positions = self._position + step * np.arange(count - quiet)
        if quiet == count:
            return np.zeros(count, np.float32)
        if not self.tape.holds(float(positions[-1])):
            return None
        self._position += step * len(positions)
        return np.concatenate([np.zeros(quiet, np.float32), self.tape.at(positions)])


class Delay:
    """By how much sound is held back, so that it is heard when its picture is seen.

    It follows the pictures' latency slowly, as a jump is a click. For one thread.
    """

    def __init__(self, latency_ns: Callable[[], int], offset_ns: int) -> None:
        self._latency_ns = latency_ns
        self._offset_ns = offset_ns
        self._target_ns = self._current_ns = latency_ns()
        self._asked_ns = 0

    @property
    def now_ns(self) -> int:
        """The delay, with the offset from the settings."""
        return self._current_ns + self._offset_ns

    def advance(self, elapsed_ns: int) -> None:
        """So much sound has passed since the last call."""
        self._asked_ns += elapsed_ns
        if self._asked_ns >= _ASK_NS:
            self._asked_ns = 0
            # 0 is no latency but none known: there were no pictures.
            self._target_ns = self._latency_ns() or self._current_ns
        error_ns = self._target_ns - self._current_ns
        most_ns = round(elapsed_ns * _SLEW)
        small = abs(error_ns) < _STEP_NS and self._current_ns > 0
        self._current_ns += min(max(error_ns, -most_ns), most_ns) if small else error_ns


def _kernel() -> Array:
    """(phases, taps): the weights of the neighbours for each instant between two samples."""
    fraction = np.arange(_PHASES)[:, None] / _PHASES
    distance = np.arange(1 - _HALF, _HALF + 1)[None, :] - fraction
    window = np.i0(8.0 * np.sqrt(np.clip(1 - (distance / _HALF) ** 2, 0, 1))) / np.i0(8.0)
    weights = np.sinc(distance) * window
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


_KERNEL = _kernel()
