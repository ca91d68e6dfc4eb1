"""How many streams of 30 fps one GPU carries: frames come when they come, late ones are dropped.

Every stream wants a picture each thirtieth of a second, evenly spread. A worker takes up to a batch
of those that are due; a frame that the next of its stream has overtaken is dropped, as live.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.engine.benchmark import Given
from streamer.engine.protocol import Engine, Job

FPS = 30
PERIOD_NS = SECOND // FPS
DROPPED = 0.01
"""Share of frames that may be dropped."""
_FILL_NS = 2_000_000
"""How long a frame may wait for others to fill its batch."""
_PORTRAITS = 16
"""Different ones among the streams of a worker."""


@dataclass(slots=True)
class Timetable:
    """Which frames are due: frame k is of stream k % streams, one after the other."""

    streams: int
    start_ns: int
    dropped: int = 0
    _next: int = 0

    def due_ns(self, frame: int) -> int:
        """When a frame comes."""
        return self.start_ns + frame * PERIOD_NS // self.streams

    def take(self, now_ns: int, most: int) -> list[tuple[int, int]]:
        """(stream, when it came) of up to `most` frames; none while waiting fills the batch."""
        while self.due_ns(self._next + self.streams) <= now_ns:  # its stream has a newer one
            self._next += 1
            self.dropped += 1
        last = self._next
        while last - self._next < most and self.due_ns(last) <= now_ns:
            last += 1
        full = last - self._next == most
        if not full and now_ns - self.due_ns(self._next) < _FILL_NS:
            return []
        taken = [(frame % self.streams, self.due_ns(frame)) for frame in range(self._next, last)]
        self._next = last
        return taken

    def pause_ns(self, now_ns: int, most: int) -> int:
        """How long to wait until there is something to take."""
        filled = self.due_ns(self._next + most - 1)
        return max(0, min(filled, self.due_ns(self._next) + _FILL_NS) - now_ns)


@dataclass(slots=True)
class Load:
    """What the streams of one or all workers saw."""

    ages_ns: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """by stream, from when a frame came to when its picture was there"""
    dropped: int = 0

    def add(self, other: "Load", first: int) -> None:
        """Those of a worker whose streams are numbered from `first`."""
        self.ages_ns |= {first + stream: ages for stream, ages in other.ages_ns.items()}
        self.dropped += other.dropped

    @property
    def p95_ms(self) -> list[float]:
        """Of each stream."""
        return [float(np.percentile(ages, 95)) / 1e6 for ages in self.ages_ns.values() if ages]

    @property
    def sent(self) -> int:
        """Pictures made."""
        return sum(len(ages) for ages in self.ages_ns.values())

    @property
    def carried(self) -> bool:
        """Every stream at 30 fps: hardly a frame dropped, and each there before the next comes."""
        frames = self.sent + self.dropped
        p95 = self.p95_ms
        fast = bool(p95) and max(p95) < PERIOD_NS / 1e6
        return fast and self.dropped <= DROPPED * frames


def serve(
    engine: Engine, given: Given, streams: int, seconds: float, clock: Clock = monotonic_ns
) -> Load:
    """Run one worker's streams. Blocks for `seconds`."""
    batch = engine.facts.contract.batch
    portraits = [engine.bind(given[n % len(given)][0]) for n in range(min(streams, _PORTRAITS))]
    try:
        begun = clock()
        plan, load = Timetable(streams, begun), Load()
        while clock() - begun < seconds * SECOND:
            taken = plan.take(clock(), batch)
            if not taken:
                time.sleep(plan.pause_ns(clock(), batch) / SECOND)
                continue
            jobs = [
                Job(portraits[stream % len(portraits)], given[stream % len(given)][1])
                for stream, _ in taken
            ]
            engine.run(jobs)
            done = clock()
            for stream, came in taken:
                load.ages_ns.setdefault(stream, []).append(done - came)
        load.dropped = plan.dropped
    finally:
        for portrait in portraits:
            portrait.close()
    return load


def serve_all(engines: Sequence[Engine], given: Given, streams: int, seconds: float) -> Load:
    """The same by several workers, a share of the streams each."""
    shares = [len(range(at, streams, len(engines))) for at in range(len(engines))]
    loads: list[Load] = [Load() for _ in engines]
    failures: list[Exception] = []

    def work(at: int) -> None:
        try:
            loads[at] = serve(engines[at], given, shares[at], seconds)
        except Exception as error:  # noqa: BLE001  (told by who waits)
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(at,), name=f"worker {at}")
        for at, share in enumerate(shares)
        if share
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    total = Load()
    for at, load in enumerate(loads):
        total.add(load, sum(shares[:at]))
    return total


def most(try_with: Callable[[int], Load], guess: int) -> tuple[int, Load | None]:
    """The largest number of streams that is carried, within about 5 %, and how it went."""
    best: tuple[int, Load | None] = (0, None)
    low, high = 0, 0
    streams = max(1, guess)
    for _ in range(9):
        load = try_with(streams)
        if load.carried:
            low, best = streams, (streams, load)
            streams = (low + high) // 2 if high else low + max(1, low // 4)
        else:
            high = streams
            streams = (low + high) // 2
        if streams <= low or (high and high - low <= max(1, low // 20)):
            break
    return best
