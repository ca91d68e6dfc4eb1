"""One evaluation from settings to tables."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console

from streamer.errors import ConfigError, MediaError
from streamer.frame import Image
from tools.evaluation import report
from tools.evaluation.clips import Footage, load_footage
from tools.evaluation.film import open_reel
from tools.evaluation.meter import metering
from tools.evaluation.painters import Refiner, refiners
from tools.evaluation.pairs import Pairs
from tools.evaluation.report import BASELINES
from tools.evaluation.single import same, stills
from tools.evaluation.summary import show_summary, summary
from tools.evaluation.work import Settings, Work, tracker
from tools.sheet import grid, save_sheet

_BLOCKS_PER_ROW, _GAP = 2, 12


def evaluate(settings: Settings, console: Console) -> None:
    """Run the protocols, show the tables and write the files."""
    known, names = _methods(settings)
    columns = 2 + sum(name in known or name == "warp" for name in names)
    with ExitStack() as stack:
        reel = stack.enter_context(open_reel(settings.video, max(3, columns)))
        meter = stack.enter_context(metering(console))
        work = Work(settings, console, meter, known, reel)
        for line in settings.opinions.missing:
            work.say(line)
        _run(work, names)
        if not work.kinds and not work.cross and not work.frozen:
            raise MediaError("nothing to evaluate: no clip and no still with a face was given")
    _show(work)
    _write(work)


def _methods(settings: Settings) -> tuple[dict[str, Refiner], tuple[str, ...]]:
    """The refiners that are asked for, and all methods. ConfigError for one without weights."""
    folder = settings.generator.weights
    there = refiners(None if folder is None else Path(folder), settings.generator)
    names = settings.methods or (*BASELINES, *there)
    for name in names:
        if name not in BASELINES and name not in there:
            raise ConfigError(
                f"--methods {name}: no weights of that size are there; name their folder with "
                "--weights"
            )
    return {name: there[name] for name in names if name in there}, names


def _run(work: Work, names: tuple[str, ...]) -> None:
    settings = work.settings
    moved = settings.cross or settings.frozen
    chosen = _spread(len(settings.clips), settings.drivers) if moved else []
    pairs = Pairs(work, settings.portraits if chosen else ())
    for number, path in enumerate(settings.clips):
        footage = _loaded(work, path)
        if footage is None:
            continue
        if settings.same:
            work.same[footage.name] = same(work, footage, names)
        if number in chosen:
            pairs.drive(footage)
    for kind, files in settings.stills.items():
        work.stills[kind] = stills(work, kind, files)


def _spread(count: int, most: int) -> list[int]:
    return [int(i) for i in np.linspace(0, count - 1, min(count, most)).round()]


def _loaded(work: Work, path: Path) -> Footage | None:
    work.meter.start(f"{path.name}: track", None)
    try:
        with tracker() as own:
            return load_footage(path, own, work.settings.seconds, work.meter.step)
    except MediaError as error:
        work.say(f"left out: {error}")
        return None


def _show(work: Work) -> None:
    if work.same:
        report.show_same(work.console, work.same)
    for kind, table in work.stills.items():
        if table:
            report.show_stills(work.console, kind, table)
    if work.cross:
        report.show_cross(work.console, work.cross)
    if work.frozen:
        report.show_frozen(work.console, work.frozen)
    show_summary(work.console, summary(work.kinds))


def _write(work: Work) -> None:
    settings, console = work.settings, work.console
    if settings.json is not None:
        report.save_json(settings.json, _content(work))
        console.print(f"numbers: {settings.json}")
    if settings.sheet is not None and work.blocks:
        save_sheet(_beside(work.blocks), settings.sheet)
        console.print(f"sheet: {settings.sheet}")
    if settings.video is not None:
        console.print(f"video: {settings.video}")


def _beside(blocks: list[Image]) -> Image:
    """Two blocks in a row; what they leave free is black."""
    rows = [blocks[i : i + _BLOCKS_PER_ROW] for i in range(0, len(blocks), _BLOCKS_PER_ROW)]
    wide = [max(row[i].shape[1] for row in rows if i < len(row)) for i in range(len(rows[0]))]
    lines: list[Image] = []
    for row in rows:
        height = max(one.shape[0] for one in row)
        full = [*row, *[np.zeros((1, 1, 3), np.uint8)] * (len(wide) - len(row))]
        cells = [_grown(one, height, width) for one, width in zip(full, wide, strict=True)]
        lines.append(grid([cells], gap=_GAP))
    return np.ascontiguousarray(np.vstack(lines))


def _grown(block: Image, height: int, width: int) -> Image:
    return np.pad(block, ((0, height - block.shape[0]), (0, width - block.shape[1]), (0, 0)))


def _content(work: Work) -> dict[str, object]:
    tables = work.kinds | {"cross": work.cross, "frozen": work.frozen}
    content: dict[str, object] = {
        ("same" if name == "clip" else name): {"clips": table, "mean": report.means(table)}
        for name, table in tables.items()
        if table
    }
    weights = {
        name: {"digest": one.weights.digest, "note": one.weights.note, "ran": ", ".join(one.ran)}
        for name, one in work.refiners.items()
    }
    return content | {
        "weights": weights,
        "missing": {str(i): line for i, line in enumerate(work.settings.opinions.missing)},
        "against_warp": summary(work.kinds),
        "warp_against_delaunay": report.against(work.same, "warp", "delaunay"),
    }
