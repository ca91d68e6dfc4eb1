"""Monotonic time, and how much of it a frame has left."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MS = 1_000_000
"""Nanoseconds in a millisecond."""

SECOND = 1_000_000_000
"""Nanoseconds in a second."""


Clock = Callable[[], int]

monotonic_ns: Clock = time.monotonic_ns


@dataclass(frozen=True, slots=True)
class Budget:
    """The age a frame may reach at the sink, and each stage's part of it (ns, in path order)."""

    total_ns: int
    stages_ns: Mapping[str, int]

    def latest_start(self, stage: str) -> int:
        """The greatest age at which `stage` may begin and still be on time."""
        names = list(self.stages_ns)
        return self.total_ns - sum(self.stages_ns[name] for name in names[names.index(stage) :])
