"""Where lips, lids and irises are, as maps in the net's view: what colours alone leave in doubt."""

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from engines.geometry import Array

Bytes = NDArray[np.uint8]

_LEVELS_A_PX = 2.0
_ON_LINE = 128.0
_FAR_PX = 64.5
"""From here on a distance is shown as the greatest there is."""
_CELL = 4
"""Distances are exact at each corner of squares of this side, px, and near the lines everywhere;
in squares far from them they are interpolated, to a fraction of a level."""
_NEAR_PX = 5.0


def _edges(line: Array) -> Array:
    """(6, N) of a closed line (N, 2): start, direction, 1 / length^2, direction x / y."""
    count = line.shape[0]
    out = np.empty((6, count), np.float32)
    for i in range(count):
        k = (i + 1) % count
        dx, dy = line[k, 0] - line[i, 0], line[k, 1] - line[i, 1]
        out[0, i], out[1, i], out[2, i], out[3, i] = line[i, 0], line[i, 1], dx, dy
        out[4, i] = np.float32(1) / max(dx * dx + dy * dy, np.float32(1e-9))
        out[5, i] = dx / dy if abs(dy) > np.float32(1e-9) else np.float32(0)
    return out


def _signed(edges: Array, x: np.float32, y: np.float32) -> float:
    """Distance of a place to the line, px; above 0 inside."""
    nearest = np.float32(1e12)
    crossed = np.int32(0)
    for i in range(edges.shape[1]):
        ax, ay = x - edges[0, i], y - edges[1, i]
        along = (ax * edges[2, i] + ay * edges[3, i]) * edges[4, i]
        along = min(max(along, np.float32(0)), np.float32(1))
        ex, ey = ax - along * edges[2, i], ay - along * edges[3, i]
        nearest = min(nearest, ex * ex + ey * ey)
        below = np.int32(ay >= 0) ^ np.int32(ay - edges[3, i] >= 0)
        crossed ^= below & np.int32(ax < ay * edges[5, i])
    away = np.sqrt(nearest)
    return away if crossed else -away


_compiled_edges = compiled(_edges)
_distance = compiled(_signed, fastmath=True)


def _level(away: float) -> np.uint8:
    value = np.float32(_ON_LINE) + np.float32(_LEVELS_A_PX) * away + np.float32(0.5)
    return np.uint8(min(max(value, np.float32(0)), np.float32(255)))


_as_level = compiled(_level)


def _corners(edges: Array, low_x: int, low_y: int, high_x: int, high_y: int) -> Array:
    """Distances at the corners of these cells: edge by edge, so that a row is done at once."""
    width = high_x - low_x + 1
    out = np.empty((high_y - low_y + 1, width), np.float32)
    nearest, side = np.empty(width, np.float32), np.empty(width, np.float32)
    for j in range(out.shape[0]):
        y = np.float32((low_y + j) * _CELL)
        nearest[:] = np.float32(1e12)
        side[:] = np.float32(-1)
        for k in range(edges.shape[1]):
            start, dx, dy, part = edges[0, k], edges[2, k], edges[3, k], edges[4, k]
            ay, slope = y - edges[1, k], edges[5, k]
            turned = np.float32(-1) if (ay >= 0) != (ay - dy >= 0) else np.float32(1)
            for i in range(width):
                ax = np.float32((low_x + i) * _CELL) - start
                along = (ax * dx + ay * dy) * part
                along = min(max(along, np.float32(0)), np.float32(1))
                ex, ey = ax - along * dx, ay - along * dy
                nearest[i] = min(nearest[i], ex * ex + ey * ey)
                side[i] = side[i] * (turned if ax < ay * slope else np.float32(1))
        for i in range(width):
            out[j, i] = np.sqrt(nearest[i]) * side[i]
    return out


_compiled_corners = compiled(_corners, fastmath=True)


def _draw_line(line: Array, out: Bytes) -> None:
    """Raise `out` (N, N) to the levels of a closed line (M, 2)."""
    edges = _compiled_edges(line)
    cells, far = out.shape[0] // _CELL, _FAR_PX
    low_x = min(cells, max(0, int(line[:, 0].min() - far) // _CELL))
    low_y = min(cells, max(0, int(line[:, 1].min() - far) // _CELL))
    high_x = max(low_x, min(cells, int(line[:, 0].max() + far) // _CELL + 1))
    high_y = max(low_y, min(cells, int(line[:, 1].max() + far) // _CELL + 1))
    corners = _compiled_corners(edges, low_x, low_y, high_x, high_y)
    part = np.float32(1) / np.float32(_CELL)
    for j in range(high_y - low_y):
        for i in range(high_x - low_x):
            a, b = corners[j, i], corners[j, i + 1]
            c, d = corners[j + 1, i], corners[j + 1, i + 1]
            near = min(abs(a), abs(b), abs(c), abs(d)) < np.float32(_NEAR_PX)
            for v in range(_CELL):
                y = (low_y + j) * _CELL + v
                left = a + (c - a) * (np.float32(v) * part)
                right = b + (d - b) * (np.float32(v) * part)
                for u in range(_CELL):
                    x = (low_x + i) * _CELL + u
                    away = left + (right - left) * (np.float32(u) * part)
                    if near:
                        away = _distance(edges, np.float32(x), np.float32(y))
                    out[y, x] = max(out[y, x], _as_level(away))


def _draw_disc(x: float, y: float, radius: float, out: Bytes) -> None:
    """Raise `out` (N, N) to 255 in a disc, its edge 1 px soft."""
    side = out.shape[0]
    for row in range(max(0, int(y - radius - 1)), min(side, int(y + radius + 2))):
        for column in range(max(0, int(x - radius - 1)), min(side, int(x + radius + 2))):
            away = np.sqrt((column - x) ** 2 + (row - y) ** 2)
            cover = min(max(radius - away + np.float32(0.5), np.float32(0)), np.float32(1))
            out[row, column] = max(out[row, column], np.uint8(cover * 255 + np.float32(0.5)))


_line, _disc = compiled(_draw_line), compiled(_draw_disc)


def draw_marks(lips: Array, lids: tuple[Array, Array], irises: Array, side: int) -> Bytes:
    """(N, N, 3) distance to the line of the lips and to those of the lids, and the irises.

    Lines are closed, (M, 2), and `irises` (2, 3) places and radii, all in px of the net's view,
    which is `side` px wide. Distances have 2 levels a px, 128 on the line, more inside.
    """
    marks = np.zeros((side, side, 3), np.uint8)
    _line(np.ascontiguousarray(lips, np.float32), marks[..., 0])
    for lid in lids:
        _line(np.ascontiguousarray(lid, np.float32), marks[..., 1])
    for x, y, radius in np.asarray(irises, np.float32):
        _disc(x, y, radius, marks[..., 2])
    return marks
