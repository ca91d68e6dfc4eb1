"""A portrait as the net sees it: drawn so large that its region is the net's view, px for px."""

from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engines.contract import Bytes, Contract, Floats, Frame, Still
from engines.region import FACE, Box, Square, face_square
from streamer.config import GeneratorConfig
from streamer.frame import Motion
from streamer.generator.composite import WarpGenerator
from streamer.generator.sight import Lens, still_of
from streamer.portrait import Portrait
from streamer.tuning.people import Moment

_OTHER_SIZE, _OFF = 0.03, 0.02
"""How much the region differs from the usual one, in its own sides."""
P = TypeVar("P", NDArray[np.uint8], NDArray[np.float32])


@dataclass(frozen=True, slots=True)
class View:
    """One portrait, ready to be drawn again and again."""

    portrait: Portrait
    still: Still
    known: tuple[int, int, int, int]
    """the part of the view that the photo reaches: first column and row, last (exclusive)"""
    side: int
    warp: WarpGenerator
    lens: Lens
    box: Box
    """the same part, in the drawn picture"""
    square: Square

    @classmethod
    def of(
        cls, portrait: Portrait, side: int, rng: np.random.Generator, near: float = 1.0
    ) -> "View":
        """The view of a portrait; its region is a little larger, smaller or elsewhere by chance.

        Seen so many times as `near`, it is drawn as large as the parts of a face are.
        """
        longest = max(portrait.width, portrait.height)
        region = FACE / near * portrait.pose.scale * rng.uniform(1 - _OTHER_SIZE, 1 + _OTHER_SIZE)
        config = GeneratorConfig(size=max(64, round(longest * side / region)))
        warp = WarpGenerator(config, portrait)
        usual = face_square(portrait.pose, warp.canvas.place)
        x, y = (
            round(middle + rng.uniform(-_OFF, _OFF) * side - (side - 1) / 2)
            for middle in (usual.x, usual.y)
        )
        square = Square(x + (side - 1) / 2, y + (side - 1) / 2, side)
        left, top = max(0, x), max(0, y)
        right, below = min(warp.width, x + side), min(warp.height, y + side)
        box = Box(left, top, right - left, below - top)
        contract = Contract("xs", side, box.height, box.width)
        return cls(
            portrait=portrait,
            still=still_of(warp, contract, (box, square)),
            known=(left - x, top - y, right - x, below - y),
            side=side,
            warp=warp,
            lens=Lens(warp, box.height, box.width, side),
            box=box,
            square=square,
        )

    def drawn(self, motion: Motion, now: Moment) -> tuple[Frame, Bytes, Floats]:
        """What the net gets of a motion, the true picture, and its landmarks in the view."""
        with self.warp.traced(motion) as traced:
            picture = self.warp.painted(traced)
            part = self.lens.frame(traced, self.box, self.square, picture)
            frame = Frame(
                places=self._whole(part.places),
                layers=self._whole(part.layers),
                marks=part.marks.copy(),
                rotation=part.rotation,
                picture=self._whole(cast("Bytes", part.picture)),
            )
        truth = self.warp.canvas.shown(now.picture)[self.box.rows, self.box.columns]
        landmarks = self.square.seen(self.warp.canvas.place(now.landmarks), self.side)
        return frame, self._whole(truth), landmarks

    def _whole(self, part: P) -> P:
        """The view, continued where the photo ends."""
        x0, y0, x1, y1 = self.known
        wide = ((y0, self.side - y1), (x0, self.side - x1), (0, 0))
        return cast("P", np.ascontiguousarray(np.pad(part, wide, "edge")))
