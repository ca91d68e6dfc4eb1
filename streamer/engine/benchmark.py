"""How long an engine takes for a picture, and how far its pictures are from the reference's."""

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from engines.contract import Frame, Refined, Still
from streamer.clock import MS, SECOND, Clock, monotonic_ns
from streamer.engine.protocol import Engine, Job

LEAST = 5
"""Runs that are timed, however long they take."""
_WARM_UP = 3
"""Runs before those: code and buffers are made ready while they pass."""

Given = Sequence[tuple[Still, Frame]]
"""A portrait and a frame of it, for each picture of a batch."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long one engine is measured."""

    runs: int = 100
    seconds: float = 3
    """whichever comes first, after the least number of runs"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one picture: those of a run by the batch."""

    median_ms: float
    p95_ms: float
    cpu_ms: float
    """mean work of all threads of this process"""
    runs: int


@dataclass(frozen=True, slots=True)
class Parity:
    """Distance of pictures from the reference's, of 255."""

    mean: float
    worst: int


def timed(
    engine: Engine,
    given: Given,
    effort: Effort,
    clock: Clock = monotonic_ns,
    cpu: Clock = time.process_time_ns,
) -> Timing:
    """Run it over and over, the copies to and from the device included. Blocks."""
    with _jobs(engine, given) as jobs:
        for _ in range(_WARM_UP):
            engine.run(jobs)
        walls: list[int] = []
        begun_ns, begun_cpu_ns = clock(), cpu()
        while _goes_on(len(walls), clock() - begun_ns, effort):
            before_ns = clock()
            engine.run(jobs)
            walls.append(clock() - before_ns)
        used_ns = cpu() - begun_cpu_ns
    count = len(jobs)
    median, p95 = np.percentile(np.array(walls) / (MS * count), [50, 95])
    return Timing(float(median), float(p95), used_ns / (MS * count * len(walls)), len(walls))


def _goes_on(done: int, spent_ns: int, effort: Effort) -> bool:
    return done < LEAST or (done < effort.runs and spent_ns < effort.seconds * SECOND)


def pictures(engine: Engine, given: Given) -> list[Refined]:
    """What the engine makes of each, once."""
    with _jobs(engine, given) as jobs:
        return engine.run(jobs)


@contextmanager
def _jobs(engine: Engine, given: Given) -> Generator[list[Job]]:
    """Each portrait bound by itself, as if they belonged to as many people."""
    with ExitStack() as stack:
        jobs: list[Job] = []
        for still, frame in given:
            bound = engine.bind(still)
            stack.callback(bound.close)
            jobs.append(Job(bound, frame))
        yield jobs


def distance(those: Sequence[Refined], reference: Sequence[Refined]) -> Parity:
    """Over all pictures of both."""
    gaps = [
        np.abs(one.picture.astype(np.int16) - other.picture)
        for one, other in zip(those, reference, strict=True)
    ]
    total = sum(int(gap.sum(dtype=np.int64)) for gap in gaps)
    return Parity(total / sum(gap.size for gap in gaps), max(int(gap.max()) for gap in gaps))
