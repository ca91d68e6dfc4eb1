"""How long an engine takes for a picture, and how far its pictures are from the reference's."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from engines.contract import Frame, Refined, Still
from streamer.clock import MS, SECOND, Clock, monotonic_ns
from streamer.engine.protocol import Engine, Job

LEAST = 5
"""Runs that are timed, however long they take; about, where they are spread over turns."""
_WARM_UP = 3
"""Runs before those: code and buffers are made ready while they pass."""

Given = Sequence[tuple[Still, Frame]]
"""A portrait and a frame of it, for each picture of a batch."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long one engine is measured."""

    runs: int = 100
    seconds: float = 3
    """whichever comes first, after the least number of runs; both of each turn"""
    turns: int = 1
    """A computer that is busy just now is less so a moment later: turns are spread over time."""
    pause_s: float = 0
    """between turns"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one picture: those of a run by the batch."""

    median_ms: float
    p95_ms: float
    cpu_ms: float
    """mean work of all threads of this process"""
    least_ms: float
    """of a run that nothing disturbs, as near as can be told: see `_least_ns`"""
    runs: int


@dataclass(frozen=True, slots=True)
class Parity:
    """Distance of pictures from the reference's, of 255."""

    mean: float
    worst: int


@dataclass(frozen=True, slots=True)
class _Turn:
    """Runs one right after the other."""

    walls_ns: tuple[int, ...]
    """how long each took"""
    work_ns: int
    """of all threads of this process meanwhile"""


def timed(
    engine: Engine,
    given: Given,
    effort: Effort,
    clock: Clock = monotonic_ns,
    cpu: Clock = time.process_time_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Timing:
    """Run it over and over, the copies to and from the device included. Blocks."""
    turns: list[_Turn] = []
    with _jobs(engine, given) as jobs:
        for _ in range(_WARM_UP):
            engine.run(jobs)
        for number in range(effort.turns):
            if number:
                sleep(effort.pause_s)
            turns.append(_turn(engine, jobs, effort, clock, cpu))
    walls = [wall_ns for turn in turns for wall_ns in turn.walls_ns]
    each = MS * len(jobs)
    median, p95 = np.percentile(np.array(walls) / each, [50, 95])
    work_ns = sum(turn.work_ns for turn in turns) / len(walls)
    least_ns = _least_ns(turns, on_processor=engine.facts.device.lower() == "cpu")
    return Timing(float(median), float(p95), work_ns / each, least_ns / each, len(walls))


def _turn(engine: Engine, jobs: Sequence[Job], effort: Effort, clock: Clock, cpu: Clock) -> _Turn:
    walls: list[int] = []
    begun_ns, begun_cpu_ns = clock(), cpu()
    while _goes_on(len(walls), clock() - begun_ns, effort):
        before_ns = clock()
        engine.run(jobs)
        walls.append(clock() - before_ns)
    return _Turn(tuple(walls), cpu() - begun_cpu_ns)


def _least_ns(turns: Sequence[_Turn], *, on_processor: bool) -> float:
    """What a run takes when the computer does nothing else.

    Whatever disturbs only adds: to the time of a run, and, on a processor, to the work of this
    process. Undisturbed, no run takes longer than its work, so the least of both is the nearest:
    other programs add to the first alone, other threads of this one to both.
    """
    fastest = float(min(wall_ns for turn in turns for wall_ns in turn.walls_ns))
    if not on_processor:
        return fastest
    return min(fastest, *(turn.work_ns / len(turn.walls_ns) for turn in turns))


def _goes_on(done: int, spent_ns: int, effort: Effort) -> bool:
    return done < -(-LEAST // effort.turns) or (
        done < effort.runs and spent_ns < effort.seconds * SECOND
    )


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
