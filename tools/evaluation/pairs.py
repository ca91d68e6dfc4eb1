"""Portraits driven by other people: judged by what their faces do, for there is no truth."""

from collections.abc import Mapping, Sequence

from streamer.bundled import portrait_path
from streamer.config import LimitsConfig
from streamer.enroll import enroll
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.picture import read_picture
from streamer.portrait import Portrait
from tools.evaluation.clips import Footage
from tools.evaluation.cross import Cast, judge_cross, judge_frozen
from tools.evaluation.film import SECONDS, cell
from tools.evaluation.painters import Refiner
from tools.evaluation.same_sheet import cross_block, hard_frames
from tools.evaluation.work import Work, tracker

CROSS_SECONDS = 3.0
"""Of each clip, around its widest mouth."""


class Pairs:
    """The portraits, ready to be driven by one clip after the other."""

    def __init__(self, work: Work, names: Sequence[str]) -> None:
        """MediaError when one of them shows no usable face."""
        self._work = work
        self._portraits = [_portrait(name) for name in names]
        self._ways: dict[str, Refiner | None] = {"warp": None, **work.refiners}

    def drive(self, footage: Footage) -> None:
        """Every portrait by this clip, by every way of drawing it."""
        for portrait in self._portraits:
            pair = f"{portrait.name} < {footage.name}"
            if self._work.settings.cross:
                self._cross(pair, portrait, footage)
            if self._work.settings.frozen:
                self._frozen(pair, portrait, footage)

    def _cross(self, pair: str, portrait: Portrait, footage: Footage) -> None:
        work, kept = self._work, dict[str, Mapping[int, Image]]()
        frames = footage.busiest(CROSS_SECONDS)
        work.cross[pair] = {}
        for name, refiner in self._ways.items():
            work.meter.start(f"{pair}: {name}", len(frames))
            cast = self._cast(portrait, footage, frames, refiner)
            try:
                judgement = judge_cross(cast, tracker, work.meter.step)
            except MediaError as error:
                work.say(f"{pair}, {name}: {error}")
                continue
            work.cross[pair][name], kept[name] = dict(judgement.scores), judgement.kept
        if work.settings.sheet is not None:
            hard = hard_frames(footage, frames)
            work.blocks.append(cross_block(portrait, footage, hard, kept))
        if work.reel is not None:
            played = footage.busiest(SECONDS)
            work.reel.play(_strips(portrait, footage, played, kept), footage.fps)

    def _frozen(self, pair: str, portrait: Portrait, footage: Footage) -> None:
        found: dict[str, dict[str, float]] = {}
        for name, refiner in self._ways.items():
            self._work.meter.start(f"{pair}, frozen: {name}", None)
            cast = self._cast(portrait, footage, range(0), refiner)
            found[name] = judge_frozen(cast, tracker, self._work.meter.step)
        self._work.frozen[pair] = found

    def _cast(
        self, portrait: Portrait, footage: Footage, frames: range, refiner: Refiner | None
    ) -> Cast:
        opinions = self._work.settings.opinions
        return Cast(portrait, footage, frames, LimitsConfig(), refiner, opinions)


def _portrait(name: str) -> Portrait:
    path = portrait_path(name)
    return enroll([read_picture(path)], path.stem)


def _strips(
    portrait: Portrait, footage: Footage, frames: range, kept: Mapping[str, Mapping[int, Image]]
) -> dict[str, list[Image]]:
    strips = {
        "source": [cell(portrait.picture, portrait.landmarks)] * len(frames),
        "driver": [cell(footage.pictures[i], footage.neutral) for i in frames],
    }
    for name, pictures in kept.items():
        shown = [pictures[i] for i in frames]
        place = (portrait.landmarks * (shown[0].shape[1] / portrait.width)).astype("float32")
        strips[name] = [cell(one, place) for one in shown]
    return strips
