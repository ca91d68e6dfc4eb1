"""The generators that are compared, and how each is run on the engines that are here."""

import copy
import io
import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import openvino as ov
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engines.contract import FILM, PLANES, SIZES, Contract, Size
from engines.model import Refiner, probe, weights_of
from engines.weights import Weights
from streamer.clock import MS
from streamer.engine.eager import TorchEngine
from streamer.engine.openvino import OpenVinoEngine, best_precision
from streamer.engine.protocol import Engine, Job, Precision
from streamer.engine.sample import sample
from tools.paper_generator import EMBEDDING, FORMS, paper_generator

SIDE = 256
"""of the pictures, px"""
Step = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Subject:
    """A generator."""

    name: str
    module: nn.Module
    """the network, on the processor in f32"""
    given: tuple[Tensor, ...]
    """inputs of the right shapes"""
    size: Size | None = None
    """which of ours it is; None = the paper's"""

    @property
    def parameters(self) -> float:
        """Millions."""
        return sum(p.numel() for p in self.module.parameters()) / 1e6

    def gmac(self) -> float:
        """1e9 multiplications for a picture."""
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            self.module(*self.given)
        return counter.get_total_flops() / 2e9


@dataclass(slots=True)
class Contender:
    """A generator on an engine, with the times it took."""

    name: str
    part: str
    """network or frame"""
    engine: str
    step: Step
    walls: list[float] = field(default_factory=list[float])
    works: list[float] = field(default_factory=list[float])
    """ms of one run: the median of each round"""

    def go(self, runs: int) -> None:
        """One round, after a run to warm up."""
        self.step()
        times = [self._timed() for _ in range(runs)]
        self.walls.append(statistics.median(wall for wall, _ in times))
        self.works.append(statistics.median(work for _, work in times))

    def _timed(self) -> tuple[float, float]:
        wall, work = time.monotonic_ns(), time.process_time_ns()
        self.step()
        return (time.monotonic_ns() - wall) / MS, (time.process_time_ns() - work) / MS

    @property
    def cost(self) -> float:
        """What ratios are of, ms."""
        return statistics.median(self.walls if "cuda" in self.engine else self.works)


def subjects(names: Sequence[str]) -> Iterator[Subject]:
    """Those that are named; all without a name."""
    for form in FORMS:
        if not names or form in names:
            given = (torch.rand(1, 3, SIDE, SIDE) * 2 - 1, torch.randn(1, EMBEDDING))
            yield Subject(f"paper, {form}", paper_generator(form).eval(), given)
    for size in SIZES:
        if not names or size in names:
            given = (torch.rand(1, PLANES, SIDE, SIDE), torch.randn(1, FILM[size]) * 0.1)
            yield Subject(size.upper(), probe(size, "random").eval(), given, size)


def on_cpu(subject: Subject, stack: ExitStack) -> Iterator[Contender]:
    """By OpenVINO in its two precisions and by torch, each on one thread."""
    onnx = _onnx(subject)
    for kind in dict.fromkeys((best_precision("CPU"), "f32")):
        name = f"openvino {kind}"
        yield Contender(subject.name, "network", name, _compiled(onnx, subject, kind))
        if subject.size is not None:
            engine = OpenVinoEngine(
                _contract(subject.size), _weights(subject), precision=kind, threads=1
            )
            yield Contender(subject.name, "frame", name, _running(engine, stack))
    given, module = subject.given, subject.module

    def step() -> object:
        with torch.inference_mode():
            return module(*given)

    yield Contender(subject.name, "network", "torch f32", step)


def on_gpu(subject: Subject, device: str, stack: ExitStack) -> Iterator[Contender]:
    """By torch in FP16, call by call and as a recorded graph."""
    for graph in (False, True):
        name = f"torch {device} fp16{' graph' if graph else ''}"
        yield Contender(subject.name, "network", name, _on_gpu(subject, device, graph=graph))
        if subject.size is not None:
            contract = Contract(subject.size, SIDE, SIDE, SIDE, form="source", texture=(SIDE, SIDE))
            engine = TorchEngine(contract, _weights(subject), device, graph=graph)
            yield Contender(subject.name, "frame", name, _running(engine, stack))


def _contract(size: Size) -> Contract:
    return Contract(size, SIDE, SIDE, SIDE)


def _weights(subject: Subject) -> Weights:
    assert isinstance(subject.module, Refiner)
    return weights_of(subject.module, note="random")


def _running(engine: Engine, stack: ExitStack) -> Step:
    stack.callback(engine.close)
    still, frame = sample(engine.facts.contract)
    jobs = [Job(engine.bind(still), frame)]
    return lambda: engine.run(jobs)


def _onnx(subject: Subject) -> bytes:
    exporter: Any = torch.onnx
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of itself, and logs as much
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = exporter.export(
            subject.module, subject.given, dynamo=True, opset_version=20, verbose=False
        )
    return program.model_proto.SerializeToString()


def _compiled(onnx: bytes, subject: Subject, precision: Precision) -> Step:
    core: Any = ov.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": precision,
    }
    request = core.compile_model(core.read_model(io.BytesIO(onnx)), "CPU", settings)
    request = request.create_infer_request()
    given: tuple[Any, ...] = subject.given
    for i, tensor in enumerate(given):
        request.set_input_tensor(i, ov.Tensor(tensor.numpy()))
    return request.infer


def _on_gpu(subject: Subject, device: str, *, graph: bool) -> Step:
    """Inputs go there from pinned memory, the picture comes back into it."""
    module: Any = copy.deepcopy(subject.module).half().to(device)
    module.to(memory_format=torch.channels_last)
    host = [tensor.half().pin_memory() for tensor in subject.given]
    there = [tensor.to(device) for tensor in host]
    stream: Any = torch.cuda.Stream(device)
    with torch.cuda.stream(stream), torch.inference_mode():
        made: Any = [_first(module(*there)) for _ in range(3)][-1]
        back = torch.empty(made.shape, dtype=made.dtype, pin_memory=True)

        def queue() -> None:
            for target, source in zip(there, host, strict=True):
                target.copy_(source, non_blocking=True)
            back.copy_(_first(module(*there)), non_blocking=True)

        work = _recorded(queue, stream) if graph else queue

    def step() -> None:
        with torch.cuda.stream(stream), torch.inference_mode():
            work()
        stream.synchronize()

    return step


def _recorded(queue: Callable[[], None], stream: torch.cuda.Stream) -> Callable[[], None]:
    stream.synchronize()
    recording: Any = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recording, stream=stream):
        queue()
    return recording.replay


def _first(made: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The picture, or the fine maps."""
    return made if isinstance(made, Tensor) else made[0]
