"""What is exactly known about a frame: parts, depth, normals, what is seen, and the way to another.

All follow from the triangle at each pixel's middle and from where the vertices are, which are the
same vertices in all frames of a person.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.frame import Array
from tools.heads.draw import shares_at
from tools.heads.raster import Triangles

_SAME = 0.006
"""Two depths that differ by less, as a part of themselves, are one surface."""
_MIDDLE = 0.5


@dataclass(frozen=True, slots=True)
class View:
    """One frame."""

    triangle: NDArray[np.int32]
    """(h, w) -1 where there is nothing"""
    vertices: Array
    """(n, 3) px from the top left corner, pixel middles at halves, and 1/distance in 1/dm"""


@dataclass(frozen=True, slots=True)
class Flow:
    """Where the pixels of one frame are in another."""

    to: Array
    """(h, w, 2) px, in the other frame; not a number where there is nothing"""
    seen: NDArray[np.bool_]
    """(h, w) what is there to be seen in the other frame as well"""


def labels(view: View, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w) the part (`tools.heads.parts.Part`) at each pixel's middle."""
    return np.where(view.triangle >= 0, part[view.triangle], 0).astype(np.uint8)


def depth(view: View, triangles: Triangles) -> Array:
    """(h, w) distance along the view, decimetres; infinite where there is nothing."""
    y, x, _, share = _inside(view, triangles)
    corner = triangles[view.triangle[y, x]]
    far = np.full(view.triangle.shape, np.inf, np.float32)
    far[y, x] = (share / view.vertices[corner, 2]).sum(1)
    return far


def normals(view: View, triangles: Triangles, zoom: float, side: int) -> Array:
    """(h, w, 3) of the flat triangles: x right, y down, z away; towards the viewer; 0 for nothing.

    `zoom` is the camera's, `side` the picture's.
    """
    points = in_camera(view.vertices, zoom, side)
    a, b, c = (points[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    face /= np.linalg.norm(face, axis=1, keepdims=True) + 1e-12
    face *= np.where((face * a).sum(1) > 0, -1, 1)[:, None]
    there = (view.triangle >= 0)[..., None]
    return np.where(there, face[view.triangle], 0).astype(np.float32)


def in_camera(vertices: Array, zoom: float, side: int) -> Array:
    """(n, 3) decimetres before the camera, of vertices on the screen."""
    far = 1 / vertices[:, 2:]
    flat = (vertices[:, :2] / (0.5 * side) - 1) * zoom * far
    return np.concatenate([flat, far], 1).astype(np.float32)


def visible(view: View, triangles: Triangles) -> NDArray[np.bool_]:
    """(n,) vertices that nothing hides, and that are in the picture."""
    return _seen_at(view, depth(view, triangles), view.vertices[:, :2], 1 / view.vertices[:, 2])


def flow(view: View, other: View, triangles: Triangles) -> Flow:
    """Where what is seen in a frame is in another one of the same person. Exact, not estimated."""
    y, x, corner, share = _inside(view, triangles)
    there = other.vertices[corner]
    far = share / there[..., 2]  # places are linear in space, not on the screen
    distance = far.sum(1)
    places = (there[..., :2] * far[..., None]).sum(1) / distance[:, None]
    to = np.full((*view.triangle.shape, 2), np.nan, np.float32)
    to[y, x] = places
    seen = np.zeros(view.triangle.shape, bool)
    seen[y, x] = _seen_at(other, depth(other, triangles), places, distance)
    return Flow(to, seen)


def _inside(
    view: View, triangles: Triangles
) -> tuple[NDArray[np.int64], NDArray[np.int64], Triangles, Array]:
    """Rows, columns, corners (k, 3) and their shares (k, 3) of the pixels that show something."""
    y, x = np.nonzero(view.triangle >= 0)
    corner = triangles[view.triangle[y, x]]
    middle = (np.zeros(len(x), np.int64), x + _MIDDLE, y + _MIDDLE)
    share, _ = shares_at(np, view.vertices[None], corner, middle)
    return y, x, corner, share.astype(np.float32)


def _seen_at(view: View, far: Array, places: Array, distance: Array) -> NDArray[np.bool_]:
    """(n,) whether what is at the places, so far away, is the nearest there."""
    height, width = view.triangle.shape
    x, y = np.floor(places[:, 0]).astype(int), np.floor(places[:, 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    # The pixel's middle may lie beside a slope: the farthest of its neighbours decides.
    reach = _farthest_near(far)
    nearest = reach[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return inside & (distance <= nearest * (1 + _SAME))


def _farthest_near(far: Array) -> Array:
    """Of the four neighbours' steps, the gentler decides how much a pixel may be deeper."""
    padded = np.pad(far, 1, mode="edge")
    near = padded[1:-1, 1:-1]
    sides = (padded[2:, 1:-1], padded[:-2, 1:-1], padded[1:-1, 2:], padded[1:-1, :-2])
    with np.errstate(invalid="ignore"):  # nothing beside nothing
        steps = [np.abs(side - near) for side in sides]
    gentle = np.fmin(np.fmin(steps[0], steps[1]), np.fmin(steps[2], steps[3]))
    return np.where(np.isfinite(gentle), near + gentle, near).astype(np.float32)
