"""One step of interpolating subdivision of the face mesh, as a matrix from its points."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast, overload

import numpy as np
from scipy import sparse

from engines.geometry import POINTS, Array, Index, canonical, eyes, lip_contour

_sparse = cast("Any", sparse)


class Weights(Protocol):
    """A sparse matrix of SciPy, which has no types: each row mixes rows of what it multiplies."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @overload
    def __matmul__(self, other: Array) -> Array: ...
    @overload
    def __matmul__(self, other: "Weights") -> "Weights": ...


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """The face mesh with its edges cut once: MediaPipe's points 0..467, then the middles."""

    skin: Index
    """(F, 3) triangles of the skin"""
    holes: Index
    """(H, 3) triangles that span the eyes and the mouth"""
    weights: Weights
    """(V, 468) place of each vertex as a sum of the face points' places"""
    oval: Index
    """(72,) the outline, in order"""


def hole_triangles() -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(898,) which canonical triangles span an eye or the open mouth."""
    triangles = canonical().triangles
    inside = np.zeros(len(triangles), bool)
    for contour in (lip_contour(), *(eye.contour for eye in eyes())):
        inside |= np.isin(triangles, contour).all(1)
    return inside


@cache
def face_mesh() -> FaceMesh:
    """The mesh, made once per process.

    Middles inside the skin follow the butterfly rule (Dyn, Levin, Gregory 1990, doi
    10.1145/78956.78958), those on the rim of a hole or of the face the four-point rule, so that a
    coarse motion bends the skin without creases and lids and lips stay curves.
    """
    triangles = canonical().triangles
    hole = hole_triangles()
    opposite = _opposite(triangles[~hole])
    middles: dict[tuple[int, int], int] = {}
    rows: list[dict[int, float]] = [{i: 1.0} for i in range(POINTS)]
    rim = _rim(opposite)
    for edge in sorted({_edge(t[i], t[i - 1]) for t in triangles for i in range(3)}):
        middles[edge] = len(rows)
        rows.append(_middle(edge, opposite, rim))
    fine = np.array([cut for t in triangles for cut in _cut(t, middles)], np.int32)
    fine_hole = np.repeat(hole, 4)
    oval: list[int] = []
    outline = _outline(triangles)
    for a, b in zip(outline, outline[1:] + outline[:1], strict=True):
        oval += [a, middles[_edge(a, b)]]
    weights = _sparse.lil_matrix((len(rows), POINTS), dtype=np.float32)
    for i, row in enumerate(rows):
        for j, value in row.items():
            weights[i, j] = value
    return FaceMesh(fine[~fine_hole], fine[fine_hole], weights.tocsr(), np.array(oval, np.int32))


def _edge(a: int, b: int) -> tuple[int, int]:
    return (int(a), int(b)) if a < b else (int(b), int(a))


def _opposite(triangles: Index) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for a, b, c in triangles.tolist():
        for x, y, z in ((a, b, c), (b, c, a), (c, a, b)):
            found[_edge(x, y)].append(z)
    return found


def _rim(opposite: dict[tuple[int, int], list[int]]) -> dict[int, list[int]]:
    """The neighbours of each rim point along the rim."""
    rim: dict[int, list[int]] = defaultdict(list)
    for (a, b), tips in opposite.items():
        if len(tips) == 1:
            rim[a].append(b)
            rim[b].append(a)
    return rim


def _middle(
    edge: tuple[int, int],
    opposite: dict[tuple[int, int], list[int]],
    rim: dict[int, list[int]],
) -> dict[int, float]:
    a, b = edge
    tips = opposite.get(edge, [])
    if len(tips) == 1:
        before = [p for p in rim[a] if p != b]
        after = [p for p in rim[b] if p != a]
        if len(before) == len(after) == 1:
            return {a: 9 / 16, b: 9 / 16, before[0]: -1 / 16, after[0]: -1 / 16}
    if len(tips) != 2:
        return {a: 0.5, b: 0.5}
    wings = [
        [p for p in opposite[_edge(end, tip)] if p not in edge] for end in edge for tip in tips
    ]
    if any(len(wing) != 1 for wing in wings):
        return {a: 0.5, b: 0.5}
    row = defaultdict(float, {a: 0.5, b: 0.5})
    for tip in tips:
        row[tip] += 1 / 8
    for wing in wings:
        row[wing[0]] -= 1 / 16
    return dict(row)


def _cut(triangle: Index, middles: dict[tuple[int, int], int]) -> list[tuple[int, int, int]]:
    a, b, c = (int(i) for i in triangle)
    ab, bc, ca = middles[_edge(a, b)], middles[_edge(b, c)], middles[_edge(c, a)]
    return [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]


def _outline(triangles: Index) -> list[int]:
    """The rim of the whole face in order, starting at its first point."""
    rim = _rim(_opposite(triangles))
    start = min(rim)
    path, here, before = [start], rim[start][0], start
    while here != start:
        path.append(here)
        here, before = next(p for p in rim[here] if p != before), here
    return path
