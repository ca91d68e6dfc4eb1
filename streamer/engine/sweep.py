"""Many engines after each other: built, measured, and compared with the reference in FP32."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engines.contract import Contract, Size
from engines.weights import Weights
from streamer.clock import SECOND, monotonic_ns
from streamer.engine.benchmark import LEAST, Effort, Parity, Timing, timed
from streamer.engine.build import BuildStoppedError, Watch
from streamer.engine.check import Judge
from streamer.engine.protocol import Engine
from streamer.engine.sample import sample
from streamer.engine.ways import Way, open_way
from streamer.errors import EngineError

Net = tuple[Size, int]
"""A size of the refiner, and the side of what it sees, px."""
ON_CPU: Mapping[Net, int] = {
    ("xs", 128): 2,
    ("xs", 192): 1,
    ("xs", 256): 1,
    ("s", 256): 1,
    ("m", 256): 1,
}
"""What a processor may run, with the batch of each: XS@128 does mouth and eyes at once."""
ON_GPU: tuple[Net, ...] = (("xs", 256), ("s", 256), ("m", 256))
GPU_BATCHES = (1, 2, 4, 8)
_FEW = Effort(runs=LEAST, seconds=0)

Opener = Callable[[Way, Contract, Weights, Watch], Engine]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which engines; None = the usual ones of each way."""

    resolutions: tuple[tuple[int, int], ...] = ((256, 256), (512, 512))
    """height and width of pictures, px"""
    nets: tuple[Net, ...] | None = None
    batches: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One engine to make."""

    way: Way
    contract: Contract

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.way.name} {self.contract.name}"


@dataclass(frozen=True, slots=True)
class Row:
    """What came of it."""

    case: Case
    library: str = ""
    form: str = ""
    """how it runs, where there is a choice"""
    ready_s: float | None = None
    """until it could run: loaded or built"""
    timing: Timing | None = None
    parity: Parity | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""
    """that it is too far from the reference; empty when it is near enough"""
    refused: str = ""
    """why there are no figures; empty when there are"""


def cases(ways: Sequence[Way], asked: Asked) -> list[Case]:
    """One for each way, net, resolution and batch."""
    return [
        Case(way, way.contract(*net, shape, batch))
        for way in ways
        for net, usual in _nets(way, asked.nets)
        for shape in asked.resolutions
        for batch in asked.batches or usual
    ]


def _nets(way: Way, asked: tuple[Net, ...] | None) -> list[tuple[Net, tuple[int, ...]]]:
    """Each with its usual batches."""
    if way.is_gpu:
        return [(net, GPU_BATCHES) for net in asked or ON_GPU]
    return [(net, (ON_CPU.get(net, 1),)) for net in asked or ON_CPU]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is done to engine after engine."""

    weights: Mapping[Size, Weights]
    watch: Watch
    effort: Effort | None = None
    """None = they are not timed"""
    opener: Opener = open_way

    def built(self, listed: Sequence[Case]) -> Iterator[Row]:
        """Each opened and closed, for what that leaves on disk."""
        return (self._row(case, None) for case in self._told(listed))

    def measured(self, listed: Sequence[Case]) -> Iterator[Row]:
        """Each compared with FP32, and timed."""
        judges = {size: Judge(weights) for size, weights in self.weights.items()}
        return (self._row(case, judges[case.contract.size]) for case in self._told(listed))

    def _told(self, listed: Sequence[Case]) -> Iterator[Case]:
        """Each with the news that it begins. BuildStoppedError when it was asked to stop."""
        for i, case in enumerate(listed):
            self.watch.demand_going_on()
            self.watch.progress(f"{i + 1} of {len(listed)}: {case.name}", i / len(listed))
            yield case

    def _row(self, case: Case, judge: Judge | None) -> Row:
        """What fails is a row that says why."""
        begun_ns = monotonic_ns()
        try:
            weights = self.weights[case.contract.size]
            with self.opener(case.way, case.contract, weights, self.watch) as engine:
                row = _opened(case, engine, (monotonic_ns() - begun_ns) / SECOND)
                return row if judge is None else self._measured(row, engine, judge)
        except BuildStoppedError:
            raise
        except EngineError as error:
            return Row(case, refused=str(error))

    def _measured(self, row: Row, engine: Engine, judge: Judge) -> Row:
        verdict = judge.verdict(engine, _FEW)
        contract = engine.facts.contract
        given = [sample(contract, seed) for seed in range(contract.batch)]
        timing = None if self.effort is None else timed(engine, given, self.effort)
        return replace(row, timing=timing, parity=verdict.parity, problem=verdict.problem)


def _opened(case: Case, engine: Engine, ready_s: float) -> Row:
    facts = engine.facts
    case = replace(case, contract=facts.contract)  # of a smaller batch, where memory was short
    return Row(case, facts.library, facts.form, ready_s, notes=facts.notes)
