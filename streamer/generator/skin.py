"""The texture that the picture is drawn from, where it changes: hidden cheeks, and shut lids."""

from copy import copy

import numpy as np

from engines.eyes import LidTexture
from engines.fill import Atlas
from engines.geometry import euler_deg
from engines.vision import mixed
from streamer.frame import Image, Motion
from streamer.generator.paint import emptiness
from streamer.retarget.pose import smooth_step

_REVEAL_DEG, _REVEAL_TURNED_DEG, _STEPS = (5.0, 13.0), (2.0, 9.0), 16
"""Turns between which the fill of a cheek comes in: for a photo from the front, for others."""
_LIDS_MEET_BELOW = 0.35

Place = tuple[slice, slice]
"""rows and columns"""


def closing(openness: float) -> float:
    """How far lids that are so far open meet, 0 to 1."""
    return float(smooth_step(1 - openness / _LIDS_MEET_BELOW))


class Skin:
    """A texture that follows the motion, and how far each of its places has changed."""

    def __init__(self, atlas: Atlas, lids: tuple[LidTexture, LidTexture]) -> None:
        self._atlas, self._lids = atlas, lids
        self.pixels: Image = atlas.texture.copy()
        """(H, W, 4) premultiplied"""
        self.empty: Image = emptiness(atlas.texture, atlas.filled)
        """see `paint.emptiness`"""
        self.places: tuple[Place, ...] = (
            *((part.rows, part.columns) for part in atlas.parts),
            *((lid.rows, lid.columns) for lid in lids),
        )
        """where it changes"""
        self.steps: tuple[int, ...] = (0,) * len(self.places)
        """how far each of them has changed"""

    def anew(self) -> "Skin":
        """The same texture as it was at first; what never changes is shared."""
        other = copy(self)
        other.pixels, other.steps = self._atlas.texture.copy(), (0,) * len(self.places)
        return other

    def follow(self, motion: Motion) -> None:
        """Change what this motion shows."""
        steps = (*self._revealed(motion), *self._shut(motion))
        own, count = self._atlas.texture, len(self._atlas.parts)
        for i, (here, before, now) in enumerate(zip(self.places, self.steps, steps, strict=True)):
            if now != before:
                other = self._atlas.filled[here] if i < count else self._lids[i - count].shut
                self.pixels[here] = mixed(own[here], other, now / _STEPS)
        self.steps = steps

    def _revealed(self, motion: Motion) -> list[int]:
        """How far the fill of each cheek is blended in, as the head turns it into view."""
        yaw = euler_deg(motion.rotation)[0]
        low, high = _REVEAL_TURNED_DEG if self._atlas.turned > 0 else _REVEAL_DEG
        return [
            round(smooth_step((part.side * yaw - low) / (high - low)) * _STEPS)
            for part in self._atlas.parts
        ]

    def _shut(self, motion: Motion) -> list[int]:
        """How far the eyeball's rest is taken off the lids, as they close."""
        return [
            round(closing(float(openness)) * _STEPS) for openness in np.asarray(motion.openness)
        ]
