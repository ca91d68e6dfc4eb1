"""The camera before a person."""

from dataclasses import dataclass

import numpy as np

from streamer.frame import Array
from tools.heads.arrays import Values
from tools.heads.rig import Rig
from tools.heads.traits import Rng

NEAREST = 1.0
"""decimetres"""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole."""

    eye: Array
    """(3,) decimetres"""
    axes: Array
    """(3, 3) rows: right, down and ahead"""
    zoom: float
    """half a picture, seen from a distance of 1"""

    def screen(self, xp: Values, points: Values, axes: Values, eye: Values, side: float) -> Values:
        """(..., n, 3) places on a picture of `side` px, and 1/distance, of points (..., n, 3).

        `axes` and `eye` are this camera's, as arrays of `xp`.
        """
        seen = (points - eye) @ axes.T
        near = 1 / xp.clip(seen[..., 2], NEAREST, 1e6)
        half = 0.5 * side
        across = seen[..., 0] * near * (half / self.zoom) + half
        down = seen[..., 1] * near * (half / self.zoom) + half
        return xp.stack([across, down, near], -1)


def draw_camera(rng: Rng, rig: Rig) -> Camera:
    """A camera that sees the head, its neck and some of its shoulders."""
    zoom = float(np.tan(rng.uniform(0.26, 0.5) / 2))
    across = float(rng.uniform(1.65, 2.25))
    aside, above = rng.normal(0, 0.1), rng.normal(0.02, 0.08)
    target = rig.head + np.array([rng.normal(0, 0.1), rng.normal(-0.1, 0.1), 0.4])
    back = np.array([np.sin(aside) * np.cos(above), np.sin(above), np.cos(aside) * np.cos(above)])
    right = np.array([np.cos(aside), 0, -np.sin(aside)])
    down = np.cross(-back, right)
    return Camera(
        (target + back * across / zoom).astype(np.float32),
        np.stack([right, down, -back]).astype(np.float32),
        zoom,
    )
