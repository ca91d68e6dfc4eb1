"""What `vivant engines test`, its `bench` and `vivant bench --engines` have in common."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engines.contract import SIZES, Size
from streamer.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from engines.weights import Weights
    from streamer.engine.benchmark import Effort
    from streamer.engine.sweep import Case, Net, Row

INITIAL = "initial"
"""In place of a folder of weights: freshly initialised ones."""
_SIDE = 256
_LARGEST = 4096


@dataclass(frozen=True, slots=True)
class Order:
    """Which engines are to be gone through, and with what."""

    names: tuple[str, ...] = ()
    """none = all that can run here"""
    nets: str | None = None
    resolutions: str | None = None
    batches: str | None = None
    """lists as a person writes them; None = the usual ones"""
    weights: str | None = None
    """a folder or `initial`; None = those that are installed, fresh ones where none are"""

    @property
    def lists(self) -> bool:
        """Whether it says which shapes."""
        return any((self.nets, self.resolutions, self.batches))


@dataclass(frozen=True, slots=True)
class Results:
    """What came of them."""

    rows: "list[Row]"
    weights: "dict[Size, Weights]"


def measure(order: Order, effort: "Effort | None") -> Results:
    """Go through them, with a progress display. `effort` None: compared, and not timed."""
    from streamer.commands.stoppable import stoppable
    from streamer.engine.sweep import Sweep

    listed = cases_of(order)
    weights = weights_of(order, listed)
    rows = stoppable(lambda watch: list(Sweep(weights, watch, effort).measured(listed)))
    return Results(rows, weights)


def cases_of(order: Order) -> "list[Case]":
    """One for each engine. ConfigError when a list cannot be read, EngineError for a name."""
    from streamer.engine.sweep import Asked, cases
    from streamer.engine.ways import all_ways, chosen

    usual = Asked()
    asked = Asked(
        usual.resolutions if order.resolutions is None else _resolutions(order.resolutions),
        None if order.nets is None else _nets(order.nets),
        None if order.batches is None else _batches(order.batches),
    )
    return cases(chosen(all_ways(), order.names), asked)


def weights_of(
    order: Order, listed: "Sequence[Case]", *, only_installed: bool = False
) -> "dict[Size, Weights]":
    """Those that the engines need. EngineError when some are missing and must not be."""
    from streamer.engine.stock import stock, unlearned

    needed = {case.contract.size for case in listed}
    sizes: list[Size] = [size for size in SIZES if size in needed]
    if order.weights == INITIAL:
        return {size: unlearned(size) for size in sizes}
    folder = None if order.weights is None else Path(order.weights)
    return stock(sizes, folder, unlearned_too=folder is None and not only_installed)


def show(console: "Console", results: Results) -> None:
    """One table, and below it what there is to say."""
    from streamer.commands.enginetables import remarks, row_table, told_weights

    about = [f"weights: {told_weights(results.weights)}"]
    if any(row.timing for row in results.rows):
        about.insert(0, "median, p95 and CPU: ms of one picture")
    if any(row.parity for row in results.rows):
        about.insert(-1, "mean and max: distance from FP32, of 255")
    console.print(row_table(results.rows, "; ".join(about)))
    tell(console, remarks(results.rows))


def tell(console: "Console", lines: Iterable[str]) -> None:
    """Sentences below a table, with nothing in them that commands the terminal."""
    from rich.table import Table
    from rich.text import Text

    from streamer.commands.draw import clean

    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row("", "-", Text(clean(line)))
    console.print(grid)


def save(path: Path, figures: object) -> None:
    """Write JSON. MediaError when that cannot be."""
    import json

    from streamer.output import replacing

    with replacing(path) as part:
        part.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _nets(text: str) -> "tuple[Net, ...]":
    found: list[Net] = []
    for word in _words(text):
        size, at, side = word.partition("@")
        sides = int(side) if side.isdecimal() else 0
        if size not in SIZES or (at and not (0 < sides <= _LARGEST and sides % 32 == 0)):
            known = ", ".join(SIZES)
            raise ConfigError(f"--nets {word}: write it as xs or xs@192; sizes are {known}")
        found.append((size, sides or _SIDE))
    return tuple(found)


def _resolutions(text: str) -> tuple[tuple[int, int], ...]:
    """Height and width of each."""
    found: list[tuple[int, int]] = []
    for word in _words(text):
        match = re.fullmatch(r"(\d{2,4})(?:x(\d{2,4}))?", word)
        sides = [int(side) for side in match.groups() if side] if match else []
        if not sides or not all(32 <= side <= _LARGEST for side in sides):
            raise ConfigError(f"--resolutions {word}: write it as 512 or 640x480, 32 to {_LARGEST}")
        found.append((sides[-1], sides[0]))
    return tuple(found)


def _batches(text: str) -> tuple[int, ...]:
    words = _words(text)
    if not all(word.isdecimal() and 1 <= int(word) <= 64 for word in words):
        raise ConfigError(f"--batches {text}: write them as 1,2,4,8; 1 to 64")
    return tuple(int(word) for word in words)


def _words(text: str) -> list[str]:
    words = [word.strip().lower() for word in text.split(",")]
    if not all(words):
        raise ConfigError(f"{text!r}: a list without gaps is needed, as 256,512")
    return words
