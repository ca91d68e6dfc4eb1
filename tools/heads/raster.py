"""Rasteriser of heads for processors: which triangle is seen at each sample, and through what.

`engines.raster` draws places of a picture, which are linear on the screen. Here the number of the
triangle is wanted, textures have holes, perspective matters, and hair has layers; and the same
numbers must come out of `tools.heads.bulk`, so nothing here may be rounded at the compiler's whim.

Screen points are (x, y, 1/distance): px from the top left corner, sample centres at halves, and
larger is nearer, which is linear on the screen.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from streamer.frame import Array
from tools.heads.arrays import Values

Triangles = NDArray[np.int32]
Plane = NDArray[np.uint8]

EDGE = np.float32(-1e-6)
"""Least share of a corner at which a sample still belongs to a triangle: no gaps between them."""


@dataclass(frozen=True, slots=True)
class Soup:
    """Some of a person's triangles, and where they are clear; arrays of either library."""

    numbers: Values
    """(t,) what they are called"""
    triangles: Values
    """(t, 3)"""
    texels: Values
    """(m, 2) places in `clear`"""
    texel_triangles: Values
    """(t, 3)"""
    level: Values
    """(t,) subtracted from the opacity; below -1 the triangle is solid everywhere"""
    gain: Values
    """(t,) what the rest is multiplied with"""
    clear: Values
    """(h, w) bytes, opacity of the atlas"""


class Rasteriser(Protocol):
    """What tells which triangle is seen where."""

    def __call__(
        self, soup: Soup, points: Values, side: int, least: float, layers: int, floor: Values
    ) -> tuple[Values, Values]:
        """The nearest things at each sample of square pictures of `side` samples.

        `points` (f, n, 3) are on the screen. Samples of opacity below `least` and those not before
        `floor` (f, side, side) do not count. Returns 1/distance (f, layers, side, side), 0 where
        there is nothing, and the triangle's number, -1 there.
        """
        ...


def _walk(  # noqa: C901, PLR0913, PLR0915, PLR0917 - one kernel, so that both uses agree
    points: Array,
    triangles: NDArray[np.int64],
    uv: Array,
    uv_triangles: NDArray[np.int64],
    level: Array,
    gain: Array,
    clear: Plane,
    least: float,
    floor: Array,
    near: Array,
    which: NDArray[np.int32],
) -> None:
    layers, height, width = near.shape
    one, half, faintest = np.float32(1), np.float32(0.5), np.float32(least)
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, ia = points[i, 0], points[i, 1], points[i, 2]
        bx, by, ib = points[j, 0], points[j, 1], points[j, 2]
        cx, cy, ic = points[k, 0], points[k, 1], points[k, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-6 or min(ia, ib, ic) <= 0:
            continue
        x0 = max(0, int(np.floor(min(ax, bx, cx) - half)))
        x1 = min(width - 1, int(np.ceil(max(ax, bx, cx) - half)))
        y0 = max(0, int(np.floor(min(ay, by, cy) - half)))
        y1 = min(height - 1, int(np.ceil(max(ay, by, cy) - half)))
        inverse = one / area
        bdx, bdy = (cy - ay) * inverse, (cx - ax) * inverse
        cdx, cdy = (by - ay) * inverse, (bx - ax) * inverse
        solid = level[t] < -1
        for y in range(y0, y1 + 1):
            fy = np.float32(y) + half - ay
            for x in range(x0, x1 + 1):
                fx = np.float32(x) + half - ax
                wb = fx * bdx - fy * bdy
                wc = fy * cdy - fx * cdx
                wa = one - wb - wc
                if wa < EDGE or wb < EDGE or wc < EDGE:
                    continue
                inv = wa * ia + wb * ib + wc * ic
                if inv <= near[layers - 1, y, x] or inv < floor[y, x]:
                    continue
                if not solid:
                    pa, pb, pc = wa * ia / inv, wb * ib / inv, wc * ic / inv
                    u, v = uv_triangles[t, 0], uv_triangles[t, 1]
                    w = uv_triangles[t, 2]
                    s = int(pa * uv[u, 0] + pb * uv[v, 0] + pc * uv[w, 0])
                    r = int(pa * uv[u, 1] + pb * uv[v, 1] + pc * uv[w, 1])
                    s = min(max(s, 0), clear.shape[1] - 1)
                    r = min(max(r, 0), clear.shape[0] - 1)
                    alpha = (np.float32(clear[r, s]) / np.float32(255) - level[t]) * gain[t]
                    if alpha < faintest:
                        continue
                place = layers - 1
                while place > 0 and inv > near[place - 1, y, x]:
                    near[place, y, x] = near[place - 1, y, x]
                    which[place, y, x] = which[place - 1, y, x]
                    place -= 1
                near[place, y, x] = inv
                which[place, y, x] = t


_compiled = compiled(_walk)


def nearest(
    soup: Soup, points: Array, side: int, least: float, layers: int, floor: Array
) -> tuple[Array, NDArray[np.int64]]:
    """The rasteriser of NumPy's library; see `Rasteriser`."""
    shape = (len(points), layers, side, side)
    near, which = np.zeros(shape, np.float32), np.full(shape, -1, np.int32)
    for frame, place in enumerate(points):
        _compiled(
            np.ascontiguousarray(place),
            soup.triangles,
            soup.texels,
            soup.texel_triangles,
            soup.level,
            soup.gain,
            soup.clear,
            least,
            floor[frame],
            near[frame],
            which[frame],
        )
    named = np.append(soup.numbers, -1)  # the last stands for nothing
    return near, named[which]
