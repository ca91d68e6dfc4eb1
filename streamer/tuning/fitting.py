"""From photos of one person to a tuned portrait, if that is better than the untuned one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.contract import FILM, Bytes, Floats
from engines.photo import photo
from engines.weights import Weights
from streamer.engine.embedder import embedder_of
from streamer.frame import Image
from streamer.portrait import Portrait
from streamer.tuning.pairs import Lessons, Pair, lessons
from streamer.tuning.tuner import STEPS, Tuned, Tuner

Phases = Callable[[str, int | None], Callable[[], None]]
"""Is told what begins and how many steps it has; gives what is called after each of them."""

SIDE = 256
"""Of the net's view, px."""
_TAUGHT, _HELD = 24, 8
_SHOWN = 6
_GAP = 4


@dataclass(frozen=True, slots=True)
class Fitted:
    """What became of it."""

    portrait: Portrait
    """tuned, or as it was"""
    tuned: Tuned
    sheet: Image
    """a row for each of some that were held out: disguised, warp, before, after, photo"""


def fit(
    photos: Sequence[Portrait],
    weights: Weights,
    phases: Phases,
    *,
    side: int = SIDE,
    counts: tuple[int, int, int] = (_TAUGHT, _HELD, STEPS),
) -> Fitted:
    """Tune the first of the photos, the portrait, to these weights; all are of one person.

    `counts`: pairs to learn from, pairs held out, steps. EngineError when a number is none.
    """
    first, (taught, held, steps) = photos[0], counts
    work = lessons(photos, taught, held, side, phases("disguises", taught + held))
    begun = _begun(first, weights)
    tuner = Tuner(weights, begun, side)
    found = tuner.tune(work, phases("tuning", steps), steps)
    films = {digest: film for digest, film in first.tuned.items() if digest != weights.digest}
    if found.better:
        films[weights.digest] = found.film
    return Fitted(replace(first, tuned=films), found, _sheet(tuner, work, (begun, found.film)))


def _begun(portrait: Portrait, weights: Weights) -> Floats:
    """What the embedder says of the portrait, as in a run; zeros without one."""
    embed = embedder_of(weights)
    if embed is None:
        return np.zeros(FILM[weights.size], np.float32)
    return embed([photo(portrait.picture, portrait.landmarks)])


def _sheet(tuner: Tuner, work: Lessons, films: tuple[Floats, Floats]) -> Image:
    rows = [_row(tuner, pair, films) for pair in work.held[:_SHOWN]]
    return np.ascontiguousarray(np.vstack(rows))


def _row(tuner: Tuner, pair: Pair, films: tuple[Floats, Floats]) -> Image:
    warp = pair.truth if pair.frame.picture is None else pair.frame.picture
    before, after = (tuner.drawn(pair, film) for film in films)
    cells: list[Bytes] = [pair.still.rest, warp, before, after, pair.truth]
    padded = [np.pad(cell, ((0, _GAP), (0, _GAP), (0, 0))) for cell in cells]
    return np.hstack(padded)
