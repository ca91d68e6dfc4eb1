"""What a picture of the seed paper's generator costs, and one of ours, at 256 x 256 in one run.

All weights are random: a network takes as long whatever it has learned. `network` is a generator by
itself; `frame` is all that ours computes for a frame, with sampling before and blending after it.
On the processor one thread works; each is run in turn, round after round, and medians are told.
`CPU` is the work of all threads, which other programs do not lengthen; ratios are of that on the
processor, and of wall time on a GPU, copies both ways included.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

if __package__ in {None, ""}:  # started as a file: the repository is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from streamer.engine.cards import cards
from streamer.errors import EngineError
from tools.comparison.contenders import SIDE, Contender, Subject, on_cpu, on_gpu, subjects
from tools.paper_generator import FORMS

_EPILOG = """examples:
  python tools/compare_generators.py
  python tools/compare_generators.py --rounds 7 --runs 10 --json ratios.json
  python tools/compare_generators.py --only slim,m
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="%(default)s")
    parser.add_argument("--runs", type=int, default=5, help="of each in a round (%(default)s)")
    parser.add_argument("--only", default="", help="some of slim,full,xs,s,m")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    chosen = list(subjects([name for name in options.only.split(",") if name]))
    costs = {one.name: (one.parameters, one.gmac()) for one in chosen}
    contenders = list(measured(chosen, on_cpu, options.rounds, options.runs))
    for device in _gpus():

        def there(subject: Subject, stack: ExitStack, device: str = device) -> Iterator[Contender]:
            return on_gpu(subject, device, stack)

        contenders += measured(chosen, there, options.rounds, options.runs)
    print(table(contenders, costs))
    if options.json is not None:
        rows = [_flat(one) for one in contenders]
        text = json.dumps({"side": SIDE, "costs": costs, "rows": rows}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


def measured(
    chosen: Sequence[Subject],
    engines: Callable[[Subject, ExitStack], Iterator[Contender]],
    rounds: int,
    runs: int,
) -> list[Contender]:
    """All of them on the same device, in turn."""
    with ExitStack() as stack:
        contenders = [one for subject in chosen for one in engines(subject, stack)]
        for _ in range(rounds):
            for contender in contenders:
                contender.go(runs)
    return contenders


def _gpus() -> list[str]:
    try:
        return [card.device for card in cards()]
    except EngineError as error:
        print(f"no GPU: {error}", file=sys.stderr)
        return []


def table(contenders: Sequence[Contender], costs: Mapping[str, tuple[float, float]]) -> str:
    """A line for each, below each other by engine."""
    lines = [_line("engine", "generator", "part", "M", "GMAC", "ms", "CPU ms", *_ratios(None, []))]
    for engine in dict.fromkeys(one.engine for one in contenders):
        lines.append("")
        beside = [one for one in contenders if one.engine == engine]
        for one in beside:
            parameters, gmac = (f"{cost:.2f}" for cost in costs[one.name])
            times = (f"{statistics.median(of):.2f}" for of in (one.walls, one.works))
            lines.append(
                _line(engine, one.name, one.part, parameters, gmac, *times, *_ratios(one, beside))
            )
    return "\n".join(lines)


def _ratios(one: Contender | None, beside: Sequence[Contender]) -> list[str]:
    """How many times as much each form of the paper's costs; the headings for None."""
    if one is None:
        return [f"{form} / it" for form in FORMS]
    papers = {other.name: other.cost for other in beside}
    costs = [papers.get(f"paper, {form}") for form in FORMS]
    return ["" if cost is None else f"{cost / one.cost:.1f} x" for cost in costs]


def _line(*cells: str) -> str:
    widths = (22, 12, 8, 7, 7, 8, 8, 10, 10)
    padded = [
        c.ljust(w) if i < 3 else c.rjust(w)
        for i, (c, w) in enumerate(zip(cells, widths, strict=True))
    ]
    return "".join(padded).rstrip()


def _flat(one: Contender) -> dict[str, object]:
    names = ("name", "part", "engine", "walls", "works")
    return {name: getattr(one, name) for name in names}


if __name__ == "__main__":
    sys.exit(main())
