"""When an engine that took too long is timed again: what a busy start says is soon out of date."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.clock import SECOND, Clock, monotonic_ns

_NARROW = 2.0
"""Up to so many times the room that is left, an engine may have been held up."""
_PAUSES_S = (5, 15, 60)
"""Before it is timed again, and then again."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Trial:
    """An engine that was refused."""

    times: int
    again_ns: int | None
    """None = no more"""


class Patience(Generic[K]):
    """Which of the engines that were refused are to be timed again. One thread at a time asks."""

    def __init__(self, clock: Clock = monotonic_ns) -> None:
        self._clock = clock
        self._trials: dict[K, _Trial] = {}

    def refused(self, which: K, took_ms: float, room_ms: float) -> bool:
        """It was too slow. Whether it will be due again."""
        times = self._trials[which].times if which in self._trials else 0
        again_ns = None
        if times < len(_PAUSES_S) and took_ms <= _NARROW * room_ms:
            again_ns = self._clock() + _PAUSES_S[times] * SECOND
        self._trials[which] = _Trial(times + 1, again_ns)
        return again_ns is not None

    def due(self) -> K | None:
        """One whose time has come, which is taken with that; None = none has."""
        for which, trial in self._trials.items():
            if trial.again_ns is not None and trial.again_ns <= self._clock():
                trial.again_ns = None
                return which
        return None

    def wait_s(self) -> float | None:
        """Until the next one is due; None = none will be."""
        coming = [t.again_ns for t in self._trials.values() if t.again_ns is not None]
        return max(0, min(coming) - self._clock()) / SECOND if coming else None
