"""What a portrait is tuned on: disguises of its photos, drawn by the warp, and the photos."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.contract import Bytes, Frame, Still
from engines.geometry import rotation_vector
from streamer.errors import MediaError
from streamer.portrait import Portrait
from streamer.retarget.look import believed
from streamer.tuning.disguise import disguised, drawn_lots
from streamer.tuning.people import Moment, motion_between
from streamer.tuning.shaken import shaken
from streamer.tuning.view import View

_FAR_DEG = 32.0
_WHOLE = np.array([0, 0, 1, 1], np.float32)
"""The net's view is all of the picture."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo, and what the warp makes of a disguise of it, in the net's view of N x N px."""

    frame: Frame
    still: Still
    """of the disguise; its FiLM numbers are 0"""
    truth: Bytes
    """(N, N, 3)"""
    known: tuple[int, int, int, int]
    """first column and row, last column and row (exclusive) in which the truth is known"""


def pairs_of(photo: Portrait, count: int, side: int, rng: np.random.Generator) -> Iterator[Pair]:
    """At most so many of one photo: what cannot be drawn is left out."""
    now = Moment(photo.picture, photo.landmarks)
    for _ in range(count):
        disguise = disguised(photo, drawn_lots(photo, (), rng), rng)
        rest, seen = believed(disguise.landmarks), believed(shaken(now.landmarks, rng))
        if rest is None or seen is None:
            continue
        motion = motion_between(disguise, rest, seen)
        if np.degrees(np.linalg.norm(rotation_vector(motion.rotation))) > _FAR_DEG:
            continue
        view = View.of(disguise, side, rng)
        frame, truth, _ = view.drawn(motion, now)
        yield Pair(frame, replace(view.still, region=_WHOLE), truth, view.known)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is learned from, and what it is judged by."""

    taught: tuple[Pair, ...]
    held: tuple[Pair, ...]
    """of a photo of its own where there are several, else other disguises"""


def lessons(
    photos: Sequence[Portrait], taught: int, held: int, side: int, on_pair: Callable[[], None]
) -> Lessons:
    """So many pairs of each kind, of photos of one person, the best first.

    The second photo is held out: the best one is the portrait itself. MediaError when nothing can
    be drawn of one side or the other.
    """
    rng = np.random.default_rng(0)
    out = photos[1] if len(photos) > 1 else photos[0]
    learned = [photo for photo in photos if photo is not out] or [out]
    each = -(-taught // len(learned))
    found = [
        tuple(pair for photo in some for pair in _counted(photo, count, side, rng, on_pair))
        for some, count in ((learned, each), ([out], held))
    ]
    if not all(found):
        raise MediaError(
            f"{photos[0].name}: no disguise of the photos can be drawn, so it stays untuned;"
            " take photos with the head turned less"
        )
    return Lessons(*found)


def _counted(
    photo: Portrait, count: int, side: int, rng: np.random.Generator, on_pair: Callable[[], None]
) -> Iterator[Pair]:
    for pair in pairs_of(photo, count, side, rng):
        on_pair()
        yield pair
