"""How long a step of the video's way took lately."""

import statistics
from collections import deque

from streamer.clock import MS

_KEPT = 45


class Delays:
    """The last ones. Added to on one thread, read on any."""

    def __init__(self) -> None:
        self._kept: deque[int] = deque(maxlen=_KEPT)

    def add(self, delay_ns: int) -> None:
        """One more."""
        self._kept.append(delay_ns)

    @property
    def median_ms(self) -> float:
        """0 before there is one."""
        kept = tuple(self._kept)
        return round(statistics.median(kept) / MS, 1) if kept else 0.0
