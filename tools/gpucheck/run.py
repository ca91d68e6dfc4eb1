"""Every engine on every shape: whether it opens, how fast it is, how far from FP32."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from engines.contract import Contract, Refined, Size
from engines.model import probe, weights_of
from engines.weights import Weights
from streamer.engine import library as libraries
from streamer.engine import tensorrt
from streamer.engine.benchmark import Given, distance, pictures, timed
from streamer.engine.build import Watch
from streamer.engine.cards import Card
from streamer.engine.cuda import TorchDevice
from streamer.engine.eager import TorchEngine
from streamer.engine.library import Library
from streamer.engine.maker import Maker
from streamer.engine.protocol import Engine
from streamer.engine.sample import sample
from streamer.errors import EngineError
from tools.gpucheck import parity
from tools.gpucheck.parity import title
from tools.gpucheck.plan import Plan
from tools.gpucheck.table import Row, Table

Opener = Callable[[Contract, Weights], Engine]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to run the graph."""

    name: str
    open: Opener
    doubtful: bool = False
    """Its library does not list this GPU: it is tried, and a refusal is a finding, no failure."""


@dataclass(frozen=True, slots=True)
class Best:
    """The fastest engine of one shape."""

    contract: Contract
    kind: Kind
    median_ms: float
    """of one run, so of `contract.batch` pictures"""


@dataclass(slots=True)
class Check:
    """What all parts of one run share."""

    plan: Plan
    table: Table
    kinds: tuple[Kind, ...]
    weights: dict[Size, Weights]
    device: str
    """as torch calls it"""
    refused: set[str] = field(default_factory=set[str])
    """names of doubtful kinds that were refused: not tried again with other shapes"""

    def given(self, contract: Contract) -> Given:
        """Portraits and frames, one for each picture of the batch."""
        return [sample(contract, seed) for seed in range(contract.batch)]

    def parities(self) -> None:
        """FP16 and bfloat16 against FP32, the same module."""
        for contract in self.plan.contracts:
            what = title(contract)
            self.table.guard("parity", what, lambda one=contract: self._parity(one))

    def engines(self) -> list[Best]:
        """Time every engine; the best of each shape and batch."""
        found: list[Best] = []
        for one in self.plan.contracts:
            exact = self._exact(replace(one, batch=max(self.plan.batches)))
            for batch in self.plan.batches:
                contract = replace(one, batch=batch)
                timings = [self._timed(kind, contract, exact[:batch]) for kind in self.kinds]
                best = [timing for timing in timings if timing is not None]
                found += [min(best, key=lambda timing: timing.median_ms)] if best else []
        return found

    def _parity(self, contract: Contract) -> None:
        weights = self.weights[contract.size]
        parity.look(self.table, contract, weights, self.given(contract), self.device)

    def _exact(self, contract: Contract) -> list[Refined]:
        weights, given = self.weights[contract.size], self.given(contract)
        return parity.pictures(contract, weights, given, "cpu", torch.float32)

    def _timed(self, kind: Kind, contract: Contract, exact: list[Refined]) -> Best | None:
        what = f"{title(contract)} {kind.name}"
        found: list[Best] = []

        def work() -> None:
            begun = time.monotonic()
            with kind.open(contract, self.weights[contract.size]) as engine:
                seconds = time.monotonic() - begun
                found.append(self._measured(engine, kind, what, exact, seconds))

        if kind.name in self.refused:
            return None
        if not self.table.guard("engine", what, work, fails=not kind.doubtful) and kind.doubtful:
            self.refused.add(kind.name)
        return found[0] if found else None

    def _measured(
        self, engine: Engine, kind: Kind, what: str, exact: list[Refined], seconds: float
    ) -> Best:
        facts = engine.facts
        contract = facts.contract
        given = self.given(contract)
        gap = distance(pictures(engine, given), exact[: contract.batch])
        timing = timed(engine, given, self.plan.effort)
        median = timing.median_ms * contract.batch
        figures = {
            "run ms": round(median, 3),
            "p95": round(timing.p95_ms * contract.batch, 3),
            "picture ms": round(timing.median_ms, 3),
            "mean": round(gap.mean, 3),
            "worst": gap.worst,
            "opened s": round(seconds, 1),
        }
        note = "; ".join([*([facts.form] if facts.form else []), *facts.notes])
        self.table.add(Row("engine", what, figures, ok=parity.passes(gap), note=note))
        return Best(contract, kind, median)


def stirred(sizes: set[Size]) -> dict[Size, Weights]:
    """Weights of chance, with which every path of the graph does something."""
    return {size: weights_of(probe(size, "random")) for size in sorted(sizes)}


def on_cpu() -> tuple[Kind, ...]:
    """What runs without a GPU: torch in FP32."""
    return (Kind("torch f32", lambda contract, weights: TorchEngine(contract, weights, "cpu")),)


def on_card(table: Table, card: Card, folder: Path) -> Iterator[Kind]:
    """Torch in its two forms, and every TensorRT that is here; a row says why one is not."""

    def by_torch(contract: Contract, weights: Weights, *, graph: bool) -> Engine:
        return TorchEngine(contract, weights, card.device, graph=graph, precision="fp16")

    yield Kind("torch fp16 eager", lambda c, w: by_torch(c, w, graph=False))
    yield Kind("torch fp16 CUDA graph", lambda c, w: by_torch(c, w, graph=True))
    try:
        installed = libraries.libraries()
    except EngineError as error:
        table.add(Row("engine", "TensorRT", note=str(error)))
        return
    for library in installed:
        doubtful = not library.knows(card.capability)
        if doubtful:
            note = f"does not list compute capability {card.capability}; tried all the same"
            table.add(Row("engine", library.title, note=note))
        yield Kind(f"{library.name} fp16", _by(library, card, folder), doubtful)


def _by(library: Library, card: Card, folder: Path) -> Opener:
    def opened(contract: Contract, weights: Weights) -> Engine:
        onnx = tensorrt.graph(contract, weights, folder, Watch())
        maker = Maker(library, TorchDevice(card), onnx, contract, folder, Watch())
        return tensorrt.started(maker, weights.digest)

    return opened


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for engines, empty at first: what is measured is the build too."""
    return tempfile.TemporaryDirectory(prefix="vivant-gpu-check-")
