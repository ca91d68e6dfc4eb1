"""Each clip against itself, and each still against itself: what has a truth."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from streamer.config import LimitsConfig
from streamer.errors import MediaError
from streamer.frame import Image
from tools.evaluation.clips import Footage
from tools.evaluation.film import SECONDS, cell
from tools.evaluation.matte import background_mask
from tools.evaluation.same import Bench, judge, methods
from tools.evaluation.same_sheet import hard_frames, same_block
from tools.evaluation.stills import Artist, judge_still
from tools.evaluation.work import Work, tracker
from tools.sheet import grid

_ON_SHEET = 12
"""Disguises of each kind."""
Scores = dict[str, dict[str, float]]


def same(work: Work, footage: Footage, names: Sequence[str]) -> Scores:
    """By method, what it is worth on a clip; its block and its strip of the film are added."""
    settings = work.settings
    hard = hard_frames(footage) if settings.sheet else {}
    played = footage.busiest(SECONDS) if work.reel is not None else range(0)
    bench = Bench(
        footage,
        frozenset(footage.spread(settings.frames)),
        frozenset((*hard.values(), *played)),
        background_mask(footage.pictures[footage.source]),
        LimitsConfig(),
        settings.opinions,
    )
    known, result, kept = methods(work.refiners), Scores(), dict[str, Mapping[int, Image]]()
    for name in names:
        work.meter.start(f"{footage.name}: {name}", len(footage.pictures))
        try:
            judgement = judge(bench, known[name], tracker, work.meter.step)
        except MediaError as error:
            work.say(f"{footage.name}, {name}: {error}")
            continue
        result[name], kept[name] = dict(judgement.scores), judgement.kept
    if hard:
        work.blocks.append(same_block(footage, hard, kept))
    if work.reel is not None:
        work.reel.play(_strips(footage, played, kept), footage.fps)
    return result


def _strips(
    footage: Footage, frames: range, kept: Mapping[str, Mapping[int, Image]]
) -> dict[str, list[Image]]:
    source = [footage.pictures[footage.source]] * len(frames)
    strips = {"source": source, "driver": [footage.pictures[i] for i in frames]}
    for name, pictures in kept.items():
        if name not in ("copy", "delaunay"):
            strips[name] = [pictures[i] for i in frames]
    return {
        name: [cell(one, footage.neutral) for one in pictures] for name, pictures in strips.items()
    }


def stills(work: Work, kind: str, files: Sequence[Path]) -> dict[str, Scores]:
    """By still and method; columns of disguises are added to the sheet."""
    found: dict[str, Scores] = {}
    if not files:
        return found
    columns: list[list[Image]] = []
    artist = Artist(dict(work.refiners), work.settings.opinions)
    try:
        for path, scores, shown in _judged(work, kind, files, artist):
            found[path.stem] = scores
            columns += shown
    finally:
        artist.close()
    if columns and work.settings.sheet is not None:
        step = max(1, len(columns) // _ON_SHEET)
        chosen = columns[::step][:_ON_SHEET]
        work.blocks.append(grid([list(row) for row in zip(*chosen, strict=True)]))
    return found


def _judged(
    work: Work, kind: str, files: Sequence[Path], artist: Artist
) -> Iterator[tuple[Path, Scores, list[list[Image]]]]:
    work.meter.start(f"{kind}s", len(files))
    for path in files:
        try:
            scores, shown = judge_still(path, artist)
        except MediaError as error:
            work.say(f"left out: {error}")
            continue
        finally:
            work.meter.step()
        yield path, scores, shown
