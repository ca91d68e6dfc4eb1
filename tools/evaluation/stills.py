"""Photos and paintings: there is no other moment of them, so they are the truth of their disguises.

A disguise (tools/training/disguise.py) turns the head, presses the lips shut or half closes the
lids; what leads back from it to the still is drawn and compared with the still itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from engines import scores
from engines.contract import FILM, Bytes, Contract
from streamer.engine.choose import Shapes
from streamer.engine.protocol import Engine, Job
from streamer.errors import MediaError
from streamer.frame import Image
from tools.evaluation.measure import mean
from tools.evaluation.opinions import Opinions
from tools.evaluation.painters import Refiner
from tools.packing.item import Origin
from tools.packing.stills import still_item
from tools.sheet import difference, labelled
from tools.training.cache import Sample
from tools.training.make import Unit, made

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
_SIDE = 256
_DISGUISES = 2
_WHOLE = np.array([0, 0, 1, 1], np.float32)
"""The net's view is all of the picture."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One disguise as every method undoes it."""

    scores: dict[str, dict[str, float]]
    """by method"""
    column: list[Image]
    """for a sheet"""


class Artist:
    """Draws samples with each of the refiners; to be closed."""

    def __init__(self, refiners: dict[str, Refiner], opinions: Opinions) -> None:
        """EngineError when one of them cannot be run."""
        self._opinions, self._stack = opinions, ExitStack()
        self._engines: dict[str, Engine] = {}
        with self._stack as stack:
            for name, refiner in refiners.items():
                shapes = Shapes(Contract(refiner.size, _SIDE, _SIDE, _SIDE))
                self._engines[name] = stack.enter_context(refiner.opened(shapes)).engine
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Free the engines."""
        self._stack.close()

    def show(self, sample: Sample) -> Shown:
        """What each method makes of it, and how near that is to the still."""
        pictures = {"copy": sample.still.rest, "warp": cast("Bytes", sample.frame.picture)}
        pictures |= {name: _refined(engine, sample) for name, engine in self._engines.items()}
        found = {name: self._scores(picture, sample) for name, picture in pictures.items()}
        cells = {"disguised" if name == "copy" else name: one for name, one in pictures.items()}
        last = [*pictures][-1]
        cells |= {
            "truth": sample.truth,
            f"{last} - truth": difference(pictures[last], sample.truth),
        }
        return Shown(found, [labelled(cell, name) for name, cell in cells.items()])

    def _scores(self, picture: Image, sample: Sample) -> dict[str, float]:
        truth, face = sample.truth, sample.landmarks
        row = asdict(scores.compare(picture, truth, face))
        crisp = scores.sharpness(truth, face)
        row |= {"sharpness": scores.sharpness(picture, face) / crisp, "sharpness_truth": 1.0}
        return row | self._opinions.beside(picture, truth, face)


def _refined(engine: Engine, sample: Sample) -> Image:
    film = np.zeros(FILM[engine.facts.contract.size], np.float32)
    bound = engine.bind(replace(sample.still, film=film, region=_WHOLE))
    try:
        return engine.run([Job(bound, sample.frame)])[0].picture
    finally:
        bound.close()


def judge_still(
    path: Path, artist: Artist
) -> tuple[dict[str, dict[str, float]], list[list[Image]]]:
    """By method, the means over the disguises of a still; and a column for each of them.

    MediaError when it shows no usable face.
    """
    shown = [artist.show(sample) for sample in _samples(path)]
    if not shown:
        raise MediaError(f"{path.name}: it cannot be disguised")
    return _means([one.scores for one in shown]), [one.column for one in shown]


def _samples(path: Path) -> Iterator[Sample]:
    item = still_item(path, Origin(path.stem, "still", "", "", ""))
    return made(Unit("evaluation", (item,), 0, clip=False, disguises=_DISGUISES, near=0), _SIDE, ())


def _means(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        method: {name: mean([row[method][name] for row in rows]) for name in rows[0][method]}
        for method in rows[0]
    }
