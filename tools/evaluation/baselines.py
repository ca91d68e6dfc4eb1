"""What every number stands beside: the source as it is, and the plain Delaunay warp."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from engines.geometry import POINTS
from streamer.frame import Image, Landmarks

_SHIFT = 4
"""Fractional bits of the triangles' corners when they are drawn."""


class DelaunayWarp:
    """Piecewise affine warp of the picture from its own landmarks to others, border points fixed.

    What any tutorial does: no depth, no layers, no weights.
    """

    def __init__(self, picture: Image, landmarks: Landmarks) -> None:
        self._picture = picture
        self._border = border_points(picture.shape[1], picture.shape[0])
        self._source = np.vstack([landmarks[:POINTS, :2], self._border]).astype(np.float64)
        self._triangles = np.asarray(Delaunay(self._source).simplices, np.int32)

    def warp(self, landmarks: Landmarks) -> Image:
        """The picture with its landmarks moved to these."""
        target = np.vstack([landmarks[:POINTS, :2], self._border]).astype(np.float64)
        affine = self._backward(target)[self._owners(target)]
        height, width = self._picture.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        places = affine[..., 0] * x[..., None] + affine[..., 1] * y[..., None] + affine[..., 2]
        map_x, map_y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
        return np.asarray(
            cv2.remap(
                self._picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            ),
            np.uint8,
        )

    def _backward(self, target: NDArray[np.float64]) -> NDArray[np.float32]:
        """(T, 2, 3) the affine map of each triangle from the target back to the source."""
        ones = np.ones((len(self._triangles), 3, 1))
        corners = np.concatenate([target[self._triangles], ones], axis=2)
        flat = np.abs(np.linalg.det(corners)) < 1e-6
        corners[flat] = np.eye(3)
        solved = np.linalg.solve(corners, self._source[self._triangles])
        return np.swapaxes(solved, 1, 2).astype(np.float32)

    def _owners(self, target: NDArray[np.float64]) -> NDArray[np.int32]:
        """(H, W) the triangle each pixel lies in."""
        owners = np.zeros(self._picture.shape[:2], np.int32)
        corners = np.round(target[self._triangles] * 2**_SHIFT).astype(np.int32)
        for number, triangle in enumerate(corners):
            cv2.fillConvexPoly(owners, triangle, (number,), shift=_SHIFT)
        return owners


def border_points(width: int, height: int) -> NDArray[np.float64]:
    """(16, 2) the corners and quarter points of the picture's border."""
    x, y = (width - 1) * np.arange(5) / 4, (height - 1) * np.arange(5) / 4
    points = [(a, b) for a in x for b in y if a in (x[0], x[-1]) or b in (y[0], y[-1])]
    return np.array(points, np.float64)


def copy(picture: Image, track: Iterable[Landmarks | None]) -> Iterator[Image]:
    """The source as it is, once per frame."""
    for _ in track:
        yield picture


def delaunay(
    picture: Image, neutral: Landmarks, track: Iterable[Landmarks | None]
) -> Iterator[Image]:
    """The plain warp of the source, once per frame; held where the driver has no face."""
    warp = DelaunayWarp(picture, neutral)
    last = picture
    for landmarks in track:
        last = last if landmarks is None else warp.warp(landmarks)
        yield last
