"""The refiner by TensorRT on an NVIDIA GPU: built once, kept on disk, run as one CUDA graph.

Everything of a run is queued on the engine's own stream: one copy to the GPU, the network, one copy
back. Recorded as a CUDA graph it costs one call. Only `run` waits, and never longer than a second.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engines.contract import Contract, Refined, Still
from engines.weights import Weights
from streamer.clock import SECOND
from streamer.engine.build import Watch
from streamer.engine.cards import Card, cards, choose
from streamer.engine.cuda import Device, GpuFullError, GpuLostError, TorchDevice, Work
from streamer.engine.graphfile import PRECISION, graph
from streamer.engine.library import Library, libraries
from streamer.engine.maker import Maker
from streamer.engine.manifest import Check
from streamer.engine.program import Runnable
from streamer.engine.protocol import Closing, EngineFacts, Job, lots
from streamer.engine.seats import DevicePortrait, Seats
from streamer.errors import EngineError

BATCHES = (1, 2, 4, 8)
"""How many pictures an engine makes at once; others are padded to the next."""
_FIRST_RUN_NS = 120 * SECOND
"""What the library may take for its first run, when it compiles what is missing."""


def batch_for(count: int) -> int:
    """The smallest batch that holds so many pictures, or the largest there is."""
    return next((batch for batch in BATCHES if batch >= count), BATCHES[-1])


def open_tensorrt(
    contract: Contract,
    weights: Weights,
    device: str | None = None,
    *,
    folder: Path | None = None,
    watch: Watch | None = None,
) -> "TensorRtEngine":
    """Open the engine, building it first if `folder` does not hold it. Blocks; a thread may do it.

    `device` names the GPU (None = the first), `folder` is where engines are kept (None = nowhere).
    With too little memory on the GPU the batch is halved, and `facts` says so. EngineError says
    why it cannot be; BuildStoppedError when `watch` asked to stop.
    """
    if contract.batch not in BATCHES:
        raise EngineError(f"engine {contract.name}: the batch must be one of {BATCHES}")
    installed = libraries()
    card = choose(cards(), device)
    watch = watch or Watch()
    notes: tuple[str, ...] = ()
    while True:
        try:
            engine = _opened(installed, contract, weights, card, folder, watch)
        except GpuFullError as error:
            if contract.batch == 1:
                raise
            smaller = replace(contract, batch=contract.batch // 2)
            notes = (f"{error}; the batch is {smaller.batch} instead of {contract.batch}",)
            contract = smaller
        else:
            engine.facts = replace(engine.facts, notes=(*engine.facts.notes, *notes))
            return engine


def _opened(
    installed: Sequence[Library],
    contract: Contract,
    weights: Weights,
    card: Card,
    folder: Path | None,
    watch: Watch,
) -> "TensorRtEngine":
    """By the first library that can, the others' refusals in its notes."""
    onnx = graph(contract, weights, folder, watch)
    refused: list[str] = []
    for library in installed:
        maker = Maker(library, TorchDevice(card), onnx, contract, folder, watch)
        try:
            engine = started(maker, weights.digest)
        except (GpuFullError, GpuLostError):
            raise
        except EngineError as error:
            watch.demand_going_on()
            refused.append(str(error))
        else:
            engine.facts = replace(engine.facts, notes=(*engine.facts.notes, *refused))
            return engine
    raise EngineError("; ".join(refused))


def started(maker: Maker, digest: str) -> "TensorRtEngine":
    """The engine of `maker`, run once; `digest` is that of its weights."""
    notes: list[str] = []
    program = maker.program(notes)
    facts = EngineFacts(
        backend="tensorrt",
        device=maker.device.card.title,
        precision=PRECISION,
        library=maker.library.title,
        contract=maker.contract,
        digest=digest,
        notes=tuple(notes),
    )
    engine = TensorRtEngine(program, maker.device, facts, maker)
    maker.keep_compiled(program)
    return engine


class TensorRtEngine(Closing):
    """An opened engine with its buffers. One thread runs it, another may bind portraits."""

    def __init__(
        self, program: Runnable, device: Device, facts: EngineFacts, maker: Maker | None = None
    ) -> None:
        """Run it once; `maker` is who keeps the result of the self-test."""
        self.facts = facts
        self._maker = maker
        self._device: Device = device
        self._program: Runnable | None = program
        self._seats: Seats | None = Seats(device, facts.contract)
        program.bind(self._seats.addresses())
        self._work = self._recorded()

    def bind(self, still: Still) -> DevicePortrait:
        """Bring a portrait to the GPU. Its arrays are copied."""
        self._open_seats()
        return DevicePortrait(self._device, self.facts.contract, still)

    def run(self, jobs: Sequence[Job]) -> list[Refined]:
        """The pictures of the jobs, in order; the arrays are the caller's. Blocks."""
        seats = self._open_seats()
        made: list[Refined] = []
        try:
            for lot, real in lots(jobs, self.facts.contract.batch):
                made += self._run(seats, lot[:real])
        except GpuLostError:
            self._abandon()
            raise
        return made

    def checked(self, check: Check) -> None:
        """Keep the result of the self-test in the manifest beside the engine file."""
        if self._maker is not None:
            self._maker.record(check)

    def close(self) -> None:
        """Free the GPU. It may be called twice."""
        self._work = _nothing
        self._program = self._seats = None

    def _run(self, seats: Seats, jobs: Sequence[Job]) -> list[Refined]:
        taken = seats.seat(jobs)
        for job, seat in zip(jobs, taken, strict=True):
            seats.give(job, seat)
        self._work()
        self._device.wait()
        return [seats.made(seat) for seat in taken]

    def _open_seats(self) -> Seats:
        if self._seats is None:
            raise EngineError(f"engine {self.facts.contract.name} is closed")
        return self._seats

    def _recorded(self) -> Work:
        """A run as one CUDA graph; as single calls where that cannot be, and `facts` says why."""
        self._queue()  # what is made at the first run must not be recorded
        self._device.wait(_FIRST_RUN_NS)
        reason = "the engine's work does not fit into a CUDA graph"
        program = self._program
        if program is not None and program.can_be_recorded(self._device.stream):
            try:
                work = self._device.record(self._queue)
                work()
                self._device.wait()
            except EngineError as error:
                reason = str(error)
            else:
                self.facts = replace(self.facts, form="CUDA graph")
                return work
        notes = (*self.facts.notes, f"no CUDA graph: {reason}")
        self.facts = replace(self.facts, notes=notes)
        return self._queue

    def _queue(self) -> None:
        program, seats = self._program, self._open_seats()
        if program is not None:
            seats.upload()
            with self._device.current():
                program.enqueue(self._device.stream)
            seats.download()

    def _abandon(self) -> None:
        """Let go of a lost GPU on a thread of its own: to free anything there may never return."""
        held = [self._program, self._seats, self._work]
        self.close()
        threading.Thread(target=held.clear, name="lost GPU", daemon=True).start()


def _nothing() -> None:
    """What a closed engine queues."""
