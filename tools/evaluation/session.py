"""One evaluation from settings to tables."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamer.config import LimitsConfig, TrackerConfig
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.stages import Tracker
from streamer.tracker import open_tracker
from tools.evaluation import report
from tools.evaluation.clips import Footage, load_footage
from tools.evaluation.matte import background_mask
from tools.evaluation.same import Bench, judge, methods
from tools.evaluation.same_sheet import hard_frames, same_block
from tools.sheet import grid, save_sheet

if TYPE_CHECKING:
    from tools.evaluation.identity import Identity

_BLOCKS_PER_ROW = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """What to evaluate and where to write it."""

    clips: tuple[Path, ...]
    methods: tuple[str, ...]
    frames: int
    seconds: float
    portraits: tuple[str, ...]
    same: bool
    cross: bool
    frozen: bool
    identity: Path | None
    json: Path | None
    sheet: Path | None


Table = dict[str, dict[str, dict[str, float]]]


def tracker() -> AbstractContextManager[Tracker]:
    """A fresh tracker with the default settings; drivers and outputs are seen by the same kind."""
    return open_tracker(TrackerConfig())


class _Meter:
    """One progress bar for whatever is being done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("")

    def start(self, label: str, total: int | None) -> None:
        """Begin a new count."""
        self._progress.reset(self._task, description=label, total=total)

    def step(self) -> None:
        """One frame more."""
        self._progress.advance(self._task)


@contextmanager
def _meter(console: Console) -> Generator[_Meter]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Meter(progress)


def evaluate(settings: Settings, console: Console) -> None:
    """Run the protocols, show the tables and write the files."""
    identity = _open_identity(settings)
    same, cross, frozen = Table(), Table(), Table()
    blocks: list[Image] = []
    with _meter(console) as meter:
        footages = list(_load(settings, console, meter))
        for footage in footages if settings.same else []:
            same[footage.name] = _same(settings, footage, blocks, console, meter)
        if settings.cross or settings.frozen:
            _across(settings, footages, identity, (cross, frozen), meter)
    if same:
        report.show_same(console, same)
    if cross:
        report.show_cross(console, cross)
    if frozen:
        report.show_frozen(console, frozen)
    _write(settings, {"same": same, "cross": cross, "frozen": frozen}, blocks, console)


def _open_identity(settings: Settings) -> "Identity | None":
    if settings.identity is None:
        return None
    from tools.evaluation.identity import Identity

    return Identity(settings.identity)


def _load(settings: Settings, console: Console, meter: _Meter) -> Iterator[Footage]:
    loaded = 0
    for path in settings.clips:
        meter.start(f"{path.name}: track", None)
        try:
            with tracker() as own:
                footage = load_footage(path, own, settings.seconds, meter.step)
        except MediaError as error:
            console.print(f"left out: {error}", style="yellow", highlight=False)
            continue
        loaded += 1
        yield footage
    if not loaded:
        raise MediaError("nothing to evaluate: no clip with a face was given")


def _same(
    settings: Settings, footage: Footage, blocks: list[Image], console: Console, meter: _Meter
) -> dict[str, dict[str, float]]:
    hard = hard_frames(footage) if settings.sheet else {}
    bench = Bench(
        footage,
        frozenset(footage.spread(settings.frames)),
        frozenset(hard.values()),
        background_mask(footage.pictures[footage.source]),
        LimitsConfig(),
    )
    result: dict[str, dict[str, float]] = {}
    kept: dict[str, dict[int, Image]] = {}
    for name in settings.methods:
        meter.start(f"{footage.name}: {name}", len(footage.pictures))
        try:
            judgement = judge(bench, methods()[name], tracker, meter.step)
        except MediaError as error:
            console.print(f"{footage.name}, {name}: {error}", style="yellow", highlight=False)
            continue
        result[name], kept[name] = dict(judgement.scores), dict(judgement.kept)
    if hard:
        blocks.append(same_block(footage, hard, kept))
    return result


def _across(
    settings: Settings,
    footages: list[Footage],
    identity: "Identity | None",
    tables: tuple[Table, Table],
    meter: _Meter,
) -> None:
    from streamer.bundled import portrait_path
    from streamer.enroll import enroll
    from streamer.picture import read_picture
    from tools.evaluation.cross import Cast, judge_cross, judge_frozen

    for name in settings.portraits:
        path = portrait_path(name)
        portrait = enroll([read_picture(path)], path.stem)
        for footage in footages:
            pair = f"{path.stem} < {footage.name}"
            cast = Cast(portrait, footage, LimitsConfig(), identity)
            if settings.cross:
                meter.start(pair, len(footage.pictures))
                tables[0][pair] = {"warp": judge_cross(cast, tracker, meter.step)}
            if settings.frozen:
                meter.start(f"{pair}, frozen", None)
                tables[1][pair] = {"warp": judge_frozen(cast, tracker, meter.step)}


def _write(
    settings: Settings, results: dict[str, Table], blocks: list[Image], console: Console
) -> None:
    if settings.json is not None:
        content = {
            name: {"clips": table, "mean": report.means(table)}
            for name, table in results.items()
            if table
        } | {"warp_against_delaunay": report.against(results["same"], "warp", "delaunay")}
        report.save_json(settings.json, content)
        console.print(f"numbers: {settings.json}")
    if settings.sheet is not None and blocks:
        rows = [blocks[i : i + _BLOCKS_PER_ROW] for i in range(0, len(blocks), _BLOCKS_PER_ROW)]
        save_sheet(grid(rows, gap=12), settings.sheet)
        console.print(f"sheet: {settings.sheet}")
