"""Samples out of a pack, by as many processes as there are cores: units of work, one shard each."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from engines.contract import Bytes
from engines.features import closed_lips
from engines.geometry import POINTS, rotation_vector
from streamer.frame import Array
from streamer.retarget.look import Look, believed
from streamer.tuning.disguise import disguised, drawn_lots
from streamer.tuning.people import Moment, motion_between
from streamer.tuning.shaken import shaken
from streamer.tuning.view import View
from tools.packing.item import Item, items
from tools.packing.split import held_out
from tools.training.cache import Sample, write_shard
from tools.training.gape import gaping
from tools.training.painted import painted
from tools.training.people import source
from tools.training.teacher import flow_left

_STILLS, _DISGUISES, _HELD, _TARGETS, _GAPES = 24, 6, 2, 24, 3
"""Stills in a unit, disguises of each, and of those for validation, targets of each portrait of a
clip, wide mouths of each still."""
_PAINTED = 0.35
"""Share of stills that become paintings."""
_FAR_DEG, _OTHER_SCENE = 32.0, 22.0
_NEAR, _NEAREST = 0.35, (1.25, 1.6)
"""Share of views from as near as the parts of a face are seen from, and how near that is."""
_WIDE, _SHUT = 0.2, 0.35
"""Aperture of the lips and openness of lids from which a frame counts as rare."""
_OFTEN = 4.0
"""How much more often open mouths and shut eyes are seen."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one process makes at a time."""

    name: str
    items: tuple[Item, ...]
    turn: int
    """how often these items have been a unit before"""
    clip: bool
    disguises: int = _DISGUISES
    """of each still"""
    near: float = _NEAR
    """share of near views"""
    gapes: int = 0
    """of each still, in place of disguises"""


def units(pack: Path, rounds: int, *, validation: bool) -> list[Unit]:
    """All work for one side of the split. Every clip is a unit in every round."""
    out = held_out()
    mine = [item for item in items(pack) if (item.origin.identity in out) == validation]
    clips = [item for item in mine if item.origin.kind != "still"]
    stills = [item for item in mine if item.origin.kind == "still"]
    parts = [tuple(stills[start : start + _STILLS]) for start in range(0, len(stills), _STILLS)]
    disguises, near = (_HELD, 0.0) if validation else (_DISGUISES, _NEAR)
    found: list[Unit] = []
    for turn in range(rounds):
        found += [
            Unit(f"{turn:02}-clip-{one.origin.name}", (one,), turn, clip=True, near=near)
            for one in clips
        ]
        found += [
            Unit(f"{turn:02}-stills-{i:03}", part, turn, clip=False, disguises=disguises, near=near)
            for i, part in enumerate(parts)
        ]
        found += [
            Unit(f"{turn:02}-gapes-{i:03}", part, turn, clip=False, near=near, gapes=_GAPES)
            for i, part in enumerate(parts)
            if not validation
        ]
    return found


def fill(
    pack: Path,
    cache: Path,
    side: int,
    rounds: int,
    share: tuple[int, int],
    wanted: Callable[[], bool],
) -> None:
    """Make what is not there yet of the `share[0]`-th of `share[1]` parts of all work.

    It ends early when it is not `wanted` any more.

    Clips come first, which are quick, and those for validation before them.
    """
    held, training = (units(pack, n, validation=v) for n, v in ((1, True), (rounds, False)))
    filmed = [unit.items[0] for unit in training if unit.clip and not unit.turn]
    bank = deltas([item for item in filmed if item.origin.kind == "clip"])
    work = [("validation", unit) for unit in held] + [("train", unit) for unit in training]
    work.sort(key=lambda pair: (pair[1].turn, not pair[1].clip))
    for part, unit in work[share[0] :: share[1]]:
        folder = cache / part / f"{side}-{unit.name}"
        if not wanted():
            return
        if (folder / "index.json").exists():
            continue
        samples = list(made(unit, side, bank))
        if samples:
            write_shard(folder, samples, {"side": side})


def made(unit: Unit, side: int, bank: Sequence[Array]) -> Iterator[Sample]:
    """The samples of one unit; what cannot be drawn is left out."""
    for item in unit.items:
        seed = zlib.crc32(f"{unit.name} {item.origin.name} {item.origin.identity}".encode())
        rng = np.random.default_rng(seed)
        if unit.gapes:
            portrait, _ = source(item, 0)
            view = View.of(portrait, side, rng, _nearness(unit.near, rng))
            yield from gaping(view, item.origin.identity, unit.gapes, bank, rng)
        elif item.origin.kind != "still":
            yield from _of_clip(item, side, rng, unit.near)
        else:
            yield from _of_still(item, side, rng, bank, unit)


def _nearness(share: float, rng: np.random.Generator) -> float:
    return float(rng.uniform(*_NEAREST)) if rng.random() < share else 1.0


def _of_clip(item: Item, side: int, rng: np.random.Generator, near: float) -> Iterator[Sample]:
    for number in range(len(item.sources)):
        portrait, rest = source(item, number)
        view = View.of(portrait, side, rng, _nearness(near, rng))
        still = believed(rest.landmarks)
        if still is None:
            continue
        targets = rng.permutation(len(item.frames))[:_TARGETS]
        for frame in targets:
            now = Moment(item.picture(int(frame)), item.landmarks[int(frame)])
            if _elsewhere(item, number, now):
                continue
            sample = _sample(view, item, still, now, rng)
            if sample is not None:
                yield sample


def _of_still(
    item: Item, side: int, rng: np.random.Generator, bank: Sequence[Array], unit: Unit
) -> Iterator[Sample]:
    truth, _ = source(item, 0)
    if rng.random() < _PAINTED:
        truth = painted(truth, rng)
    now = Moment(truth.picture, truth.landmarks)
    for _ in range(unit.disguises):
        portrait = disguised(truth, drawn_lots(truth, bank, rng), rng)
        still = believed(portrait.landmarks)
        if still is None:
            continue
        view = View.of(portrait, side, rng, _nearness(unit.near, rng))
        sample = _sample(view, item, still, now, rng)
        if sample is not None:
            yield sample


def _sample(
    view: View, item: Item, rest: Look, now: Moment, rng: np.random.Generator
) -> Sample | None:
    """One sample; None where the turn is too far to be asked of the generator."""
    seen = believed(shaken(now.landmarks, rng))
    if seen is None:
        return None
    motion = motion_between(view.portrait, rest, seen)
    if np.degrees(np.linalg.norm(rotation_vector(motion.rotation))) > _FAR_DEG:
        return None
    rare = motion.aperture > _WIDE or float(motion.openness.min()) < _SHUT
    frame, truth, landmarks = view.drawn(motion, now)
    return Sample(
        frame=frame,
        still=view.still,
        truth=truth,
        left=flow_left(cast("Bytes", frame.picture), truth),
        known=view.known,
        landmarks=landmarks,
        identity=item.origin.identity,
        kind=item.origin.kind,
        weight=_OFTEN if rare else 1.0,
    )


def _elsewhere(item: Item, number: int, now: Moment) -> bool:
    """Whether the background is another one than in the portrait: a cut, or a camera that moves."""
    behind = item.matte(number) < 12
    if behind.mean() < 0.02:
        return False
    before = item.picture(item.sources[number])[behind].astype(np.int16)
    apart: Array = np.abs(before - now.picture[behind]).mean(1)
    return float(np.median(apart)) > _OTHER_SCENE


def deltas(clips: Sequence[Item], of_each: int = 24) -> list[Array]:
    """What faces of clips do, as displacements (468, 3) from shut lips."""
    found: list[Array] = []
    for item in clips:
        rest = believed(item.landmarks[item.sources[0]])
        step = max(1, len(item.landmarks) // of_each)
        for face in item.landmarks[::step]:
            seen = believed(face)
            if rest is not None and seen is not None:
                found.append(seen.points[:POINTS] - closed_lips(rest.points[:POINTS]))
    return found
