"""The seed paper's own generator beside ours: milliseconds of the same run, and the ratio."""

import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from engines.contract import Contract
from streamer.clock import MS, SECOND
from tools.gpucheck.parity import title
from tools.gpucheck.plan import Plan
from tools.gpucheck.table import Row, Table
from tools.paper_generator import EMBEDDING, paper_generator

FORMS: tuple[Literal["slim", "full"], ...] = ("slim", "full")
_WARM_UP = 3


def compare(table: Table, plan: Plan, device: str, ours: tuple[Contract, float] | None) -> None:
    """A row for each form and side of the paper's; `ours` is a contract and its ms for one run."""
    for form in FORMS:
        for side in plan.paper:
            what = f"paper's {form} -> {side}x{side} b1"

            def work(
                form: Literal["slim", "full"] = form, side: int = side, what: str = what
            ) -> None:
                ms, how = median_ms(form, side, device, plan)
                figures: dict[str, float | int | str] = {"run ms": round(ms, 3)}
                note = how
                if ours is not None:
                    contract, own_ms = ours
                    figures["ratio"] = round(ms / own_ms, 2)
                    note = f"{how}; ours is {title(contract)}, {own_ms:.3f} ms"
                table.add(Row("paper", what, figures, note=note))

            table.guard("paper", what, work)


def median_ms(
    form: Literal["slim", "full"], side: int, device: str, plan: Plan
) -> tuple[float, str]:
    """Of one picture, and how it was run: FP16 and as a CUDA graph where there is a GPU."""
    on_cpu = device == "cpu"
    kind = torch.float32 if on_cpu else torch.float16
    layout = torch.contiguous_format if on_cpu else torch.channels_last
    network: Any = paper_generator(form).eval().to(device, kind)
    network.to(memory_format=layout)
    raster = torch.zeros(1, 3, side, side, dtype=kind, device=device)
    raster = raster.to(memory_format=layout)
    embedding = torch.zeros(1, EMBEDDING, dtype=kind, device=device)

    def once() -> Tensor:
        return network(raster, embedding)

    with torch.inference_mode():
        if on_cpu:
            return _median(once, lambda: None, plan), "f32"
        with torch.cuda.device(device):
            return _on_card(once, plan)


def _on_card(once: Callable[[], Tensor], plan: Plan) -> tuple[float, str]:
    torch.backends.cudnn.benchmark = True
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            once()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, stream=stream):
            once()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        return _median(once, torch.cuda.synchronize, plan), f"fp16, no CUDA graph: {reason}"
    return _median(graph.replay, torch.cuda.synchronize, plan), "fp16, CUDA graph, no copies"


def _median(once: Callable[[], object], wait: Callable[[], None], plan: Plan) -> float:
    spent: list[int] = []
    for _ in range(_WARM_UP):
        once()
    wait()
    begun = time.monotonic_ns()
    while len(spent) < 3 or (
        len(spent) < plan.effort.runs and time.monotonic_ns() - begun < plan.effort.seconds * SECOND
    ):
        before = time.monotonic_ns()
        once()
        wait()
        spent.append(time.monotonic_ns() - before)
    return sorted(spent)[len(spent) // 2] / MS
