"""What a head is made of, and where the textures of each part lie."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from streamer.frame import Array

ATLAS = (1024, 2560)
"""height, width of the one picture with all textures"""
SOLID = -2.0
"""Level of triangles without holes."""


class Part(IntEnum):
    """Labels of pixels and triangles."""

    NOTHING = 0
    SKIN = 1
    LIPS = 2
    MOUTH = 3
    TEETH = 4
    TONGUE = 5
    EYE = 6
    LASH = 7
    BROW = 8
    HAIR = 9
    BEARD = 10
    CLOTH = 11
    GLASSES = 12
    LENS = 13


SKINLIKE = (Part.SKIN, Part.LIPS, Part.MOUTH)


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the atlas, and the part of a texture's uv that it shows."""

    x: int
    y: int
    width: int
    height: int
    u: tuple[float, float] = (0.0, 1.0)
    v: tuple[float, float] = (0.0, 1.0)

    def texels(self, uv: Array) -> Array:
        """(n, 2) places in the atlas of uv (n, 2), v up, kept one texel inside."""
        low = np.array([self.u[0], 1 - self.v[1]])
        size = np.array([self.u[1] - self.u[0], self.v[1] - self.v[0]])
        flat = np.stack([uv[:, 0], 1 - uv[:, 1]], 1)
        extent = np.array([self.width, self.height])
        inside = np.clip((flat - low) / size * extent, 1, extent - 1)
        return (inside + np.array([self.x, self.y])).astype(np.float32)

    def holds(self, uv: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(n,) whether the region shows these uv."""
        across = (uv[:, 0] >= self.u[0]) & (uv[:, 0] <= self.u[1])
        return across & (uv[:, 1] >= self.v[0]) & (uv[:, 1] <= self.v[1])

    @property
    def rows_columns(self) -> tuple[slice, slice]:
        """Where it lies."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


_FACE_U, _FACE_V = (0.615, 1.0), (0.14, 0.9)
FACE = Region(0, 0, 512, 1024, _FACE_U, _FACE_V)
FUR = Region(512, 0, 512, 1024, _FACE_U, _FACE_V)
"""The same uv as the face: colour of hairs, and how long they are at each place."""
BODY = Region(1024, 0, 512, 512)
HAIR = Region(1536, 0, 512, 512)
EYE = Region(1024, 512, 512, 512)
TEETH = Region(1536, 512, 512, 512)
TONGUE = Region(2048, 0, 256, 256)
WEAVE = Region(2304, 0, 128, 128)
FRAME = Region(2432, 0, 128, 128)
LENS = Region(2304, 128, 128, 128)
LASH = Region(2048, 256, 512, 256)
BROW = Region(2048, 512, 512, 512)
