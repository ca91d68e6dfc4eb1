"""Whether an engine computes the right thing, and how fast: asked before it makes any picture.

It refines a made-up picture that is always the same. The reference is the same weights in f32: by
OpenVINO on the processor for graphs that refine a drawn picture, by torch for those that draw it.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from engines.contract import Contract, Refined
from engines.weights import Weights
from streamer.engine.benchmark import Effort, Given, Parity, distance, pictures, timed
from streamer.engine.manifest import Check
from streamer.engine.protocol import Engine, EngineFacts
from streamer.engine.sample import sample
from streamer.errors import EngineError

MEAN, WORST = 2.0, 8
"""How far from the reference pictures may be, of 255: on average, and anywhere."""
_EFFORT = Effort(runs=8, seconds=0.15, turns=4, pause_s=0.2)
"""Spread over a second: engines are tested while a run starts, when much else is opened."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the self-test."""

    facts: EngineFacts
    """with the time of a picture"""
    parity: Parity

    @property
    def problem(self) -> str:
        """In words; empty when it passed."""
        if self.parity.mean <= MEAN and self.parity.worst <= WORST:
            return ""
        return (
            f"failed its self-test: off by {self.parity.mean:.1f} on average and "
            f"{self.parity.worst} at worst, of 255 (allowed are {MEAN:g} and {WORST})"
        )


@runtime_checkable
class _Keeps(Protocol):
    """An engine with a file, beside which it keeps what came of its test."""

    def checked(self, check: Check) -> None: ...


class Judge:
    """Compares engines of the same weights; what it compares with is computed once a shape."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._known: dict[Contract, list[Refined]] = {}

    def verdict(self, engine: Engine, effort: Effort = _EFFORT) -> Verdict:
        """Run it on the made-up pictures, compare and time it. EngineError when it cannot run."""
        contract = engine.facts.contract
        given = [sample(contract, seed) for seed in range(contract.batch)]
        parity = distance(pictures(engine, given), self._reference(contract, given))
        timing = timed(engine, given, effort)
        verdict = Verdict(replace(engine.facts, ms=timing.least_ms), parity)
        if isinstance(engine, _Keeps):
            passed = not verdict.problem
            engine.checked(Check(parity.mean, parity.worst, "f32", passed))
        return verdict

    def _reference(self, contract: Contract, given: Given) -> list[Refined]:
        if contract not in self._known:
            with _exact(contract, self._weights) as engine:
                self._known[contract] = pictures(engine, given)
        return self._known[contract]


def _exact(contract: Contract, weights: Weights) -> Engine:
    """The same in f32. EngineError when neither library has it."""
    if contract.form == "picture":
        from streamer.engine.skeleton import graph_path  # noqa: PLC0415  (brings OpenVINO)

        for shape in (contract, replace(contract, batch=1)):
            with suppress(EngineError):
                graph_path(shape)
                from streamer.engine.openvino import OpenVinoEngine  # noqa: PLC0415

                return OpenVinoEngine(shape, weights, "CPU", precision="f32")
    from streamer.engine.eager import TorchEngine  # noqa: PLC0415  (brings torch)

    return TorchEngine(replace(contract, batch=1), weights, "cpu")
