"""The refiner by torch: the reference of all others, and the way on GPUs that TensorRT refuses."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from engines.contract import Contract, Entry, Refined, Still, centres, inputs, outputs
from engines.weights import Weights
from streamer.engine.bound import Arrays, BoundPortrait, own
from streamer.engine.cards import Card, cards, choose
from streamer.engine.cuda import GpuFullError, TorchDevice, told
from streamer.engine.protocol import (
    Bound,
    Closing,
    Engine,
    EngineFacts,
    Job,
    Precision,
    frame_arrays,
    lots,
)
from streamer.errors import EngineError

_MISSING = "torch is not installed; run: python -m pip install '.[train]'"
_log = logging.getLogger(__name__)


class TorchEngine(Closing):
    """The graph as torch computes it, on the processor or on an NVIDIA GPU."""

    def __init__(
        self,
        contract: Contract,
        weights: Weights,
        device: str = "cpu",
        *,
        graph: bool = True,
        precision: Precision | None = None,
    ) -> None:
        """Open it, in seconds if torch is not loaded yet. EngineError says what is in the way.

        `device` is cpu, cuda, cuda:1 or a part of a GPU's name. `graph` records a run on a GPU as
        one CUDA graph. `precision` is f32 on the processor, else fp16 unless told. With too little
        memory on the GPU the batch is halved, and `facts` says so.
        """
        _demand_torch()
        if weights.size != contract.size:
            raise EngineError(
                f"weights of size {weights.size.upper()} do not fit engine {contract.name}; "
                "name a folder with the right ones in generator.weights"
            )
        if device.lower() == "cpu":
            self._engine: Engine = _OnProcessor(contract, weights)
        else:
            card = choose(cards(), device)
            self._engine = _on_card(contract, weights, card, precision or "fp16", graph=graph)
        _log.info("engine: %s, %s", self.facts.line, self.facts.library)

    @property
    def facts(self) -> EngineFacts:
        """What it is."""
        return self._engine.facts

    def bind(self, still: Still) -> Bound:
        """Bring a portrait to the device. Its arrays are copied. EngineError if they do not fit."""
        return self._engine.bind(still)

    def run(self, jobs: Sequence[Job]) -> list[Refined]:
        """The pictures of the jobs, in order; the arrays are the caller's. Blocks."""
        return self._engine.run(jobs)

    def close(self) -> None:
        """Free the device. It may be called twice."""
        self._engine.close()


class _OnProcessor(Closing):
    """In f32, as plainly as can be: what others are compared with."""

    def __init__(self, contract: Contract, weights: Weights) -> None:
        import torch  # noqa: PLC0415  (heavy, and an extra)

        self._torch: Any = torch
        self._module: Any = _module(contract, weights)
        self.facts = _facts(contract, weights, "cpu", "f32")

    def bind(self, still: Still) -> Bound:
        return BoundPortrait(self.facts.contract, still)

    def run(self, jobs: Sequence[Job]) -> list[Refined]:
        pictures: list[Refined] = []
        for lot, count in lots(jobs, self.facts.contract.batch):
            pictures += self._run(lot)[:count]
        return pictures

    def _run(self, lot: Sequence[Job]) -> list[Refined]:
        if self._module is None:
            raise EngineError(f"engine {self.facts.contract.name}: it is closed")
        given = {
            k: self._torch.from_numpy(v) for k, v in _stacked(self.facts.contract, lot).items()
        }
        try:
            with self._torch.inference_mode():
                refined, gates = self._module(given)
        except RuntimeError as error:
            lost = EngineError(f"torch failed on cpu: {str(error).splitlines()[0]}")
            lost.add_note(f"by {self.facts.line}; the engine is of no more use")
            raise lost from error
        # copies, so that nobody's picture keeps those of the others alive
        pairs = zip(refined.numpy(), gates.numpy(), strict=True)
        return [Refined(picture.copy(), seen.copy()) for picture, seen in pairs]

    def close(self) -> None:
        self._module = None


def _stacked(contract: Contract, lot: Sequence[Job]) -> Arrays:
    rows = [own(job.bound, contract).arrays | frame_arrays(contract, job.frame) for job in lot]
    stacked: Arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return stacked | {"across": centres(contract.width), "down": centres(contract.height)}


def _on_card(
    contract: Contract, weights: Weights, card: Card, precision: Precision, *, graph: bool
) -> Engine:
    """On a GPU; with a smaller batch if there is no room."""
    from streamer.engine.tensorrt import TensorRtEngine  # noqa: PLC0415  (buffers and recording)

    notes: tuple[str, ...] = ()
    while True:
        facts = _facts(contract, weights, card.title, precision)
        try:
            program = _OnCard(facts, weights, card, graph=graph)
            return TensorRtEngine(program, TorchDevice(card), replace(facts, notes=notes), None)
        except GpuFullError as error:
            if contract.batch == 1:
                raise
            smaller = replace(contract, batch=contract.batch // 2)
            notes = (f"{error}; the batch is {smaller.batch} instead of {contract.batch}",)
            contract = smaller


class _OnCard:
    """The graph as a program for a GPU's fixed buffers, as an opened TensorRT engine is one."""

    def __init__(self, facts: EngineFacts, weights: Weights, card: Card, *, graph: bool) -> None:
        import torch  # noqa: PLC0415  (heavy, and an extra)

        self._torch: Any = torch
        self._card, self._graph = card, graph
        self._contract, self._exact = facts.contract, facts.precision == "f32"
        half = torch.bfloat16 if facts.precision == "bf16" else torch.float16
        with told(card):
            module = _module(facts.contract, weights)
            if not self._exact:
                seen = module if facts.contract.form == "picture" else module.refine
                seen.refiner.to(dtype=half, memory_format=torch.channels_last)
            self._module: Any = module.to(card.device)
        self._given: dict[str, Any] = {}
        self._made: dict[str, Any] = {}

    def bind(self, addresses: dict[str, int]) -> None:
        """Where the inputs and outputs are, for good."""
        self._given = {e.name: self._at(e, addresses) for e in inputs(self._contract)}
        self._made = {e.name: self._at(e, addresses) for e in outputs(self._contract)}

    def enqueue(self, stream: int) -> None:
        """Queue one run."""
        torch = self._torch
        queue = torch.cuda.ExternalStream(stream, device=self._card.device)
        fastest = torch.backends.cudnn.flags(
            enabled=True, benchmark=True, allow_tf32=not self._exact
        )
        with told(self._card), torch.cuda.stream(queue), torch.inference_mode(), fastest:
            made = zip(outputs(self._contract), self._module(self._given), strict=True)
            for entry, tensor in made:
                self._made[entry.name].copy_(tensor)

    def can_be_recorded(self, stream: int) -> bool:  # noqa: ARG002  (as a TensorRT engine is asked)
        """Whether it is to run as a CUDA graph."""
        return self._graph

    def _at(self, entry: Entry, addresses: dict[str, int]) -> Any:  # noqa: ANN401  (a tensor)
        """The tensor over memory that is there already."""
        memory = _Memory(addresses[entry.name], entry)
        return self._torch.as_tensor(memory, device=self._card.device)


class _Memory:
    """A piece of a GPU's memory, described as CUDA libraries do among themselves."""

    def __init__(self, address: int, entry: Entry) -> None:
        self.__cuda_array_interface__ = {
            "shape": entry.shape,
            "typestr": np.dtype(entry.dtype).str,
            "data": (address, False),
            "version": 3,
        }


def _demand_torch() -> None:
    if find_spec("torch") is None:
        raise EngineError(_MISSING)


def _module(contract: Contract, weights: Weights) -> Any:  # noqa: ANN401  (a module of torch)
    try:
        from engines.graph import FromPicture, FromSource  # noqa: PLC0415  (torch)
        from engines.model import into  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise EngineError(f"torch cannot be loaded: {error}; install it again") from error
    form = FromPicture if contract.form == "picture" else FromSource
    return form(into(weights), contract.side).eval()


def _facts(contract: Contract, weights: Weights, device: str, precision: Precision) -> EngineFacts:
    return EngineFacts(
        backend="torch",
        device=device,
        precision=precision,
        library=f"torch {version('torch')}",
        contract=contract,
        digest=weights.digest,
    )
