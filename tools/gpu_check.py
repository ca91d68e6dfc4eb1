"""One command that measures a CUDA machine: python tools/gpu_check.py [--json FILE] [--quick].

Parity, engine build and run, CUDA graph, batches 1 to 8, how many streams of 30 fps one GPU
carries, and the seed paper's generator beside ours; one table. Only torch and numpy must be there:
rows of TensorRT say why they are absent.
"""

import argparse
import importlib
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from streamer.engine.cards import Card
    from tools.gpucheck.plan import Plan
    from tools.gpucheck.run import Best, Check
    from tools.gpucheck.streams import Load
    from tools.gpucheck.table import Table

NO_GPU = 3
"""Exit code where there is no CUDA."""
GOAL_MS, GOAL_STREAMS = 1.0, 200
"""On an H100: a picture of 512 x 512 by size M, copies included; streams by batches of 8."""
_EPILOG = """exit codes: 0 all passed, 1 something did not, 3 there is no CUDA (one line says why)

examples:
  python tools/gpu_check.py
  python tools/gpu_check.py --quick --json gpu.json
  python tools/gpu_check.py --device cuda:1
  python tools/gpu_check.py --device cpu
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and say by the exit code whether all passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--quick", action="store_true", help="size M alone, batches 1 and 8")
    parser.add_argument("--device", help="cuda:1, a part of a GPU's name, or cpu (torch rows only)")
    options = parser.parse_args(arguments)
    try:
        importlib.import_module("torch")
    except (ImportError, OSError) as error:
        print(f"gpu_check: torch cannot be loaded: {error}", file=sys.stderr)
        return NO_GPU
    from streamer.engine.cards import cards, choose
    from streamer.errors import EngineError
    from tools.gpucheck.plan import FULL, ON_CPU, QUICK

    card = None
    if options.device != "cpu":
        try:
            card = choose(cards(), options.device)
        except EngineError as error:
            print(f"gpu_check: {error} (--device cpu runs the rows of torch)", file=sys.stderr)
            return NO_GPU
    plan = ON_CPU if card is None else QUICK if options.quick else FULL
    table = check(plan, card)
    print(table.text())
    if options.json:
        table.save(options.json)
    return 1 if table.failed else 0


def check(plan: "Plan", card: "Card | None") -> "Table":
    """All parts, on a GPU or on the processor."""
    from tools.gpucheck import run
    from tools.gpucheck.table import Table

    table = Table(machine(card))
    weights = run.stirred({contract.size for contract in plan.contracts})
    with ExitStack() as stack:
        if card is None:
            kinds, device = run.on_cpu(), "cpu"
        else:
            folder = Path(stack.enter_context(run.scratch()))
            kinds, device = tuple(run.on_card(table, card, folder)), card.device
        checks = run.Check(plan, table, kinds, weights, device)
        checks.parities()
        best = checks.engines()
        streams = carried(checks, best)
        compared(checks, best)
        goals(table, card, best, streams)
    return table


def carried(check: "Check", best: "Sequence[Best]") -> int:
    """How many streams the fastest engine of the largest batch carries; a row for each size."""
    from tools.gpucheck.parity import title
    from tools.gpucheck.table import Row

    most = 0
    wanted = {replace(one, batch=max(check.plan.batches)) for one in check.plan.carried}
    for one in [one for one in best if one.contract in wanted]:
        for workers in check.plan.workers:
            what = f"{title(one.contract)} {one.kind.name}, {workers} at once"

            def work(one: "Best" = one, workers: int = workers, what: str = what) -> None:
                nonlocal most
                count, load = _carried_by(check, one, workers)
                figures: dict[str, float | int | str] = {"streams": count}
                if load is not None:
                    p95 = sorted(load.p95_ms)
                    figures["p95 ms"] = round(p95[len(p95) // 2], 1)
                    figures["worst p95"] = round(p95[-1], 1)
                    figures["dropped"] = load.dropped
                check.table.add(Row("streams", what, figures))
                most = max(most, count)

            check.table.guard("streams", what, work)
    return most


def _carried_by(check: "Check", one: "Best", workers: int) -> "tuple[int, Load | None]":
    from tools.gpucheck import streams

    weights, given = check.weights[one.contract.size], check.given(one.contract)
    with ExitStack() as stack:
        engines = [
            stack.enter_context(one.kind.open(one.contract, weights)) for _ in range(workers)
        ]
        guess = int(0.8 * one.contract.batch * 1000 / one.median_ms / streams.FPS)
        return streams.most(
            lambda count: streams.serve_all(engines, given, count, check.plan.stream_seconds), guess
        )


def compared(check: "Check", best: "Sequence[Best]") -> None:
    """The paper's generator beside ours of size M, batch 1."""
    from tools.gpucheck import paper

    ours = [one for one in best if one.contract.batch == 1 and one.contract.size == "m"]
    check_ours = (ours[0].contract, ours[0].median_ms) if ours else None
    paper.compare(check.table, check.plan, check.device, check_ours)


def goals(table: "Table", card: "Card | None", best: "Sequence[Best]", streams: int) -> None:
    """Rows that say whether an H100 does what it should; other GPUs have no such goals."""
    from tools.gpucheck.table import Row

    if card is None:
        return
    binding = "H100" in card.name
    for one in best:
        contract = one.contract
        if (contract.size, contract.height, contract.batch) == ("m", 512, 1):
            ok = one.median_ms <= GOAL_MS if binding else None
            what = f"M -> 512x512 b1, copies included, at most {GOAL_MS:g} ms"
            table.add(Row("goal", what, {"median ms": round(one.median_ms, 3)}, ok=ok))
    ok = streams >= GOAL_STREAMS if binding else None
    table.add(Row("goal", f"at least {GOAL_STREAMS} streams", {"streams": streams}, ok=ok))


def machine(card: "Card | None") -> dict[str, str | int]:
    """What was measured on."""
    import numpy as np
    import torch

    facts: dict[str, str | int] = {"GPU": "none"}
    if card is not None:
        facts = {"GPU": card.name, "capability": card.capability, "driver": card.driver}
        facts["memory GiB"] = card.memory >> 30
    return facts | {
        "torch": torch.__version__,
        "CUDA": torch.version.cuda or "none",
        "numpy": np.__version__,
        "Python": platform.python_version(),
        "cores": os.cpu_count() or 0,
    }


if __name__ == "__main__":
    sys.exit(main())
