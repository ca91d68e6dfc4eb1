"""What a run did: frames sent, held and dropped by reason, their ages, the time of each stage."""

import json
import math
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from streamer.clock import MS, SECOND, Clock, monotonic_ns

KEEP = 18_000
"""Frames the percentiles look back on: ten minutes at 30 fps."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a series, in milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float

    @staticmethod
    def of(series_ns: Sequence[int]) -> "Spread | None":
        """The percentiles of nanoseconds by nearest rank; None of an empty series."""
        if not series_ns:
            return None
        ordered = sorted(series_ns)

        def rank(share: float) -> float:
            return round(ordered[math.ceil(share * len(ordered)) - 1] / MS, 3)

        return Spread(rank(0.5), rank(0.95), rank(0.99), rank(1.0))


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage: the frames it finished, its own time, and how old they were after it."""

    frames: int
    work_ms: Spread | None
    age_ms: Spread | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in plain values."""

    chosen: Mapping[str, str]
    seconds: float
    fps: float
    sent: int
    sent_late: int
    held: int
    dropped: Mapping[str, int]
    age_ms: Spread | None
    stages: Mapping[str, StageSummary]

    def as_json(self) -> str:
        """The same as a JSON object."""
        return json.dumps(asdict(self), indent=2)

    def line(self) -> str:
        """The same in one line, for a status display."""
        age = self.age_ms
        ages = f"age p50 {age.p50:.0f}, p95 {age.p95:.0f} ms" if age else "no picture yet"
        return (
            f"{self.seconds:.0f} s, sent {self.sent} ({self.fps:.1f} fps), held {self.held}, "
            f"dropped {sum(self.dropped.values())}, {ages}"
        )


class _Series:
    """How often, and the last values."""

    def __init__(self, keep: int) -> None:
        self.count = 0
        self.work_ns: deque[int] = deque(maxlen=keep)
        self.ages_ns: deque[int] = deque(maxlen=keep)

    def add(self, work_ns: int, age_ns: int) -> None:
        self.count += 1
        self.work_ns.append(work_ns)
        self.ages_ns.append(age_ns)


class Metrics:
    """Counts of one run. Any thread may write and read.

    The memory is bounded: percentiles look back on the last `keep` frames, counts on all. `chosen`
    says what runs (portrait, backend, sink), so that no figure is read without it.
    """

    def __init__(
        self, chosen: Mapping[str, str] | None = None, clock: Clock = monotonic_ns, keep: int = KEEP
    ) -> None:
        self.chosen: Mapping[str, str] = dict(chosen or {})
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._started_ns = clock()
        self._ended_ns: int | None = None
        self._late = 0
        self._held = 0
        self._dropped: Counter[str] = Counter()
        self._stages: dict[str, _Series] = {}

    def start(self) -> None:
        """The run begins now: what opening took is not its time."""
        self._started_ns = self._clock()

    def end(self) -> None:
        """The run is over: what closing takes is not its time."""
        self._ended_ns = self._clock()

    def drop(self, reason: str) -> None:
        """A frame goes no further."""
        with self._lock:
            self._dropped[reason] += 1

    def work(self, stage: str, work_ns: int, age_ns: int) -> None:
        """A stage finished a frame, now `age_ns` old. At the sink, that is the latency."""
        with self._lock:
            self._stages.setdefault(stage, _Series(self._keep)).add(work_ns, age_ns)

    def late(self) -> None:
        """A picture was sent though it was older than the budget."""
        with self._lock:
            self._late += 1

    def hold(self) -> None:
        """The last picture was sent again."""
        with self._lock:
            self._held += 1

    def summary(self) -> Summary:
        """Everything up to now."""
        with self._lock:
            late, held, dropped = self._late, self._held, dict(self._dropped)
            series = {
                name: (s.count, list(s.work_ns), list(s.ages_ns))
                for name, s in self._stages.items()
            }
        stages = {
            name: StageSummary(count, Spread.of(work_ns), Spread.of(ages_ns))
            for name, (count, work_ns, ages_ns) in series.items()
        }
        sink = stages.get("sink", StageSummary(0, None, None))
        seconds = ((self._ended_ns or self._clock()) - self._started_ns) / SECOND
        return Summary(
            chosen=self.chosen,
            seconds=round(seconds, 3),
            fps=round(sink.frames / seconds, 2) if seconds > 0 else 0.0,
            sent=sink.frames,
            sent_late=late,
            held=held,
            dropped=dropped,
            age_ms=sink.age_ms,
            stages=stages,
        )
