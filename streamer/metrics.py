"""What a run did: frames sent, held and dropped by reason, their ages, the time of each stage."""

import json
import math
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

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
    def of(series_ns: "Sequence[int] | NDArray[np.int64]") -> "Spread | None":
        """The percentiles of nanoseconds by nearest rank; None of an empty series."""
        if not len(series_ns):
            return None
        ordered = np.sort(np.asarray(series_ns, np.int64))

        def rank(share: float) -> float:
            return round(int(ordered[math.ceil(share * len(ordered)) - 1]) / MS, 3)

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


@dataclass(frozen=True, slots=True)
class Recent:
    """The last seconds of a run."""

    fps_in: float
    """Images the camera gave, a second."""
    fps_out: float
    """New pictures at the sink, a second, without those sent again."""
    held_fps: float
    """Pictures sent again, a second."""
    late: float
    """Share of the frames that were too late, dropped or not, 0 to 1."""
    age_ms: Spread | None
    work_ms: Mapping[str, float]
    """Median work of each stage."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the start; cheap to ask for."""

    seconds: float
    sent: int
    held: int
    dropped: Mapping[str, int]
    frames: Mapping[str, int]
    """Frames each stage finished."""


class _Series:
    """How often, and the last values, in rings that never grow."""

    def __init__(self, keep: int) -> None:
        self.count = 0
        self._ring = np.zeros((keep, 3), np.int64)

    def add(self, at_ns: int, work_ns: int, age_ns: int) -> None:
        self._ring[self.count % len(self._ring)] = at_ns, work_ns, age_ns
        self.count += 1

    def kept(self, since_ns: int | None = None) -> NDArray[np.int64]:
        """(N, 3) instant, work and age of the frames that are kept, or of those after an instant.

        A copy, in no order.
        """
        rows = self._ring[: self.count]
        return rows[rows[:, 0] > since_ns] if since_ns is not None else rows.copy()


def _after(instants: deque[int], begin_ns: int) -> int:
    return sum(1 for _ in takewhile(lambda at_ns: at_ns > begin_ns, reversed(instants)))


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
        self._late: deque[int] = deque(maxlen=keep)
        self._held: deque[int] = deque(maxlen=keep)
        self._sent_late = self._sent_again = 0
        self._dropped: Counter[str] = Counter()
        self._stages: dict[str, _Series] = {}

    def start(self) -> None:
        """The run begins now: what opening took is not its time."""
        self._started_ns = self._clock()

    def end(self) -> None:
        """The run is over: what closing takes is not its time."""
        self._ended_ns = self._clock()

    def drop(self, reason: str) -> None:
        """A frame goes no further. Reasons that end in "late" count as lateness."""
        with self._lock:
            self._dropped[reason] += 1
            if reason.endswith("late"):
                self._late.append(self._clock())

    def work(self, stage: str, work_ns: int, age_ns: int) -> None:
        """A stage finished a frame, now `age_ns` old. At the sink, that is the latency."""
        with self._lock:
            series = self._stages.setdefault(stage, _Series(self._keep))
            series.add(self._clock(), work_ns, age_ns)

    def late(self) -> None:
        """A picture was sent though it was older than the budget."""
        with self._lock:
            self._sent_late += 1
            self._late.append(self._clock())

    def hold(self) -> None:
        """The last picture was sent again."""
        with self._lock:
            self._sent_again += 1
            self._held.append(self._clock())

    def recent(self, seconds: float = 2.0) -> Recent:
        """The last seconds, or what there is of them."""
        now_ns = self._clock()
        begin_ns = max(now_ns - int(seconds * SECOND), self._started_ns)
        span_s = max((now_ns - begin_ns) / SECOND, 1e-3)
        with self._lock:
            parts = {name: series.kept(begin_ns) for name, series in self._stages.items()}
            late, held = _after(self._late, begin_ns), _after(self._held, begin_ns)
        ages_ns = parts["sink"][:, 2] if "sink" in parts else np.zeros(0, np.int64)
        images = len(parts.get("camera", ()))
        return Recent(
            fps_in=round(images / span_s, 1),
            fps_out=round(len(ages_ns) / span_s, 1),
            held_fps=round(held / span_s, 1),
            late=min(1.0, late / max(images, 1)),
            age_ms=Spread.of(ages_ns),
            work_ms={
                name: round(float(np.median(rows[:, 1])) / MS, 2)
                for name, rows in parts.items()
                if len(rows)
            },
        )

    def totals(self) -> Totals:
        """Counts up to now."""
        with self._lock:
            frames = {name: series.count for name, series in self._stages.items()}
            held, dropped = self._sent_again, dict(self._dropped)
        return Totals(self._seconds(), frames.get("sink", 0), held, dropped, frames)

    def summary(self) -> Summary:
        """Everything up to now."""
        with self._lock:
            late = self._sent_late
            series = {name: (s.count, s.kept()) for name, s in self._stages.items()}
        stages = {
            name: StageSummary(count, Spread.of(rows[:, 1]), Spread.of(rows[:, 2]))
            for name, (count, rows) in series.items()
        }
        totals = self.totals()
        sink = stages.get("sink", StageSummary(0, None, None))
        return Summary(
            chosen=self.chosen,
            seconds=totals.seconds,
            fps=round(sink.frames / totals.seconds, 2) if totals.seconds > 0 else 0.0,
            sent=sink.frames,
            sent_late=late,
            held=totals.held,
            dropped=totals.dropped,
            age_ms=sink.age_ms,
            stages=stages,
        )

    def _seconds(self) -> float:
        return round(((self._ended_ns or self._clock()) - self._started_ns) / SECOND, 3)
