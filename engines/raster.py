"""Rasteriser of the control mesh: for every pixel, the place in the source it comes from."""

import numpy as np
from numpy.typing import NDArray

from engines.compiled import compiled
from engines.geometry import Array, Index

Pixels = NDArray[np.uint8]

FAR = np.float32(1e9)


def _rasterise(  # noqa: C901, PLR0915 - one kernel: in two it is slower and rounds differently
    vertices: Array, triangles: Index, uv: Array, holes: int, depth: Array, out: Array
) -> None:
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = vertices[i, 0], vertices[i, 1]
        bx, by = vertices[j, 0], vertices[j, 1]
        cx, cy = vertices[k, 0], vertices[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-6:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        if x0 > x1 or y0 > y1:
            continue
        inverse = np.float32(1.0) / area
        # Weights of b and c are linear in x and y: value = start + x * step_x + y * step_y.
        bdx, bdy = (cy - ay) * inverse, (ax - cx) * inverse
        cdx, cdy = (ay - by) * inverse, (bx - ax) * inverse
        za, zb, zc = vertices[i, 2], vertices[j, 2], vertices[k, 2]
        if t < holes:
            za, zb, zc = za + np.float32(1e6), zb + np.float32(1e6), zc + np.float32(1e6)
        ua, ub, uc = uv[i, 0], uv[j, 0], uv[k, 0]
        va, vb, vc = uv[i, 1], uv[j, 1], uv[k, 1]
        for y in range(y0, y1 + 1):
            fy = np.float32(y) - ay
            b0 = (np.float32(x0) - ax) * bdx + fy * bdy
            c0 = (np.float32(x0) - ax) * cdx + fy * cdy
            for x in range(x0, x1 + 1):
                step = np.float32(x - x0)
                wb = b0 + step * bdx
                wc = c0 + step * cdx
                wa = np.float32(1.0) - wb - wc
                if wa < -1e-5 or wb < -1e-5 or wc < -1e-5:
                    continue
                z = wa * za + wb * zb + wc * zc
                if z < depth[y, x]:
                    depth[y, x] = z
                    out[y, x, 0] = wa * ua + wb * ub + wc * uc
                    out[y, x, 1] = wa * va + wb * vb + wc * vc


_compiled = compiled(_rasterise, fastmath=True)


def rasterise(
    vertices: Array, triangles: Index, uv: Array, holes: int, out: Array, depth: Array
) -> None:
    """Fill `out` (B, H, W, 2) with the `uv` (V, 2) seen at each pixel centre, nearest first.

    `vertices` (B, V, 3) are in pixels of `out`, z away from the viewer; the first `holes` triangles
    lie behind all others. `depth` (H, W) is scratch. Pixels that no triangle covers keep what `out`
    holds.
    """
    for one, target in zip(vertices, out, strict=True):
        depth.fill(FAR)
        _compiled(one, triangles, uv, holes, depth, target)


def _blend(foreground: Pixels, plate: Pixels, out: Pixels) -> None:
    height, width = out.shape[0], out.shape[1]
    for y in range(height):
        for x in range(width):
            rest = 255 - np.int32(foreground[y, x, 3])
            for c in range(3):
                value = (
                    np.int32(foreground[y, x, c]) + (np.int32(plate[y, x, c]) * rest + 127) // 255
                )
                out[y, x, c] = min(value, 255)


_compiled_blend = compiled(_blend)


def blend_over(foreground: Pixels, plate: Pixels, out: Pixels) -> None:
    """Lay a premultiplied (H, W, 4) over (H, W, 3) into `out` (H, W, 3)."""
    _compiled_blend(foreground, plate, out)


def _soften(places: Array, picture: Pixels, jump: float) -> None:
    height, width = picture.shape[0], picture.shape[1]
    before = picture[0].copy()
    for y in range(1, height - 1):
        here = picture[y].copy()
        for x in range(1, width - 1):
            across = abs(places[y, x + 1, 0] - places[y, x - 1, 0]) + abs(
                places[y, x + 1, 1] - places[y, x - 1, 1]
            )
            down = abs(places[y + 1, x, 0] - places[y - 1, x, 0]) + abs(
                places[y + 1, x, 1] - places[y - 1, x, 1]
            )
            if across > jump or down > jump:
                for c in range(3):
                    side = np.int32(here[x - 1, c]) + np.int32(here[x + 1, c])
                    tall = np.int32(before[x, c]) + np.int32(picture[y + 1, x, c])
                    picture[y, x, c] = (4 * np.int32(here[x, c]) + side + tall + 4) // 8
        before = here


_compiled_soften = compiled(_soften)


def soften_breaks(places: Array, picture: Pixels, jump: float = 12.0) -> None:
    """Smooth the stairs where one surface ends before another: `places` (H, W, 2) jump there."""
    _compiled_soften(places, picture, jump)
