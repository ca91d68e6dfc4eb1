"""Glasses, built around the eyes: tubes of frames, temples and a bridge, and two lenses."""

from dataclasses import dataclass, replace

import numpy as np

from streamer.frame import Array
from tools.heads.arrays import csr, floats
from tools.heads.parts import FRAME, LENS, Part, Region
from tools.heads.raster import Triangles
from tools.heads.rig import Sheet

_SHAPES = {"round": (0.76, 0.68, 2.0), "wide": (0.88, 0.58, 3.0), "square": (0.84, 0.64, 4.0)}
"""Half width and half height as parts of half the distance of the eyes, and how square."""
_APART = 1.12
"""Distance of the lenses, in that of the eyes."""
_STEPS, _SIDES, _TUBE = 48, 6, 0.022
_BEFORE = 0.30
"""How far before the middle of the eyes the lenses are, beyond the eye's radius, decimetres."""
_CURVE = 0.12
"""How much the frame follows the face, per decimetre."""


@dataclass(frozen=True, slots=True)
class _Mesh:
    points: Array
    triangles: Triangles


def glasses(
    shape: str, eyes: tuple[Array, Array], radius: float, skin: Array, size: int
) -> list[Sheet]:
    """Frames and lenses for a head with `eyes` (3,) each and `skin` (n, 3) at rest.

    `size` is the number of the head's vertices.
    """
    half = abs(float(eyes[0][0] - eyes[1][0])) / 2
    middle = (eyes[0] + eyes[1]) / 2
    front = float(middle[2]) + radius + _BEFORE - 0.1
    wide, high, power = _SHAPES[shape]
    tubes: list[_Mesh] = []
    lenses: list[_Mesh] = []
    for side in (-1, 1):
        centre = np.array([middle[0] + side * half * _APART, middle[1] - 0.05 * half])
        rim = _curved(_outline(centre, (wide * half, high * half), power), middle, front)
        tubes.append(_tube(rim, closed=True))
        lenses.append(_fan(rim))
        outer = rim[np.argmax(side * rim[:, 0])] + floats([0, 0.3 * high * half, 0])
        tubes.append(_tube(_temple(outer, side, skin, middle), closed=False))
    gap = (_APART - wide) * half
    bridge = np.array([[x, middle[1] + 0.12 * half + 0.1 * half * (1 - (x / gap) ** 2)]
                       for x in np.linspace(-gap, gap, 9)])  # fmt: skip
    tubes.append(
        _tube(
            _curved((bridge + np.array([middle[0], 0])).astype(np.float32), middle, front),
            closed=False,
        )
    )
    return [
        _sheet(_merged(tubes), FRAME, Part.GLASSES, size, clear=False),
        _sheet(_merged(lenses), LENS, Part.LENS, size, clear=True),
    ]


def _outline(centre: Array, radii: tuple[float, float], power: float) -> Array:
    angle = np.linspace(0, 2 * np.pi, _STEPS, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    bent = np.stack([np.sign(v) * np.abs(v) ** (2 / power) for v in (c, s)], 1)
    return (centre + bent * np.array(radii)).astype(np.float32)


def _curved(flat: Array, middle: Array, front: float) -> Array:
    """(n, 3) places on the curve that the front of the glasses follows."""
    deep = front - _CURVE * (flat[:, 0] - middle[0]) ** 2 * 4
    return np.column_stack([flat, deep]).astype(np.float32)


def _temple(start: Array, side: int, skin: Array, middle: Array) -> Array:
    """From the rim to above the ear."""
    level = skin[np.abs(skin[:, 1] - start[1]) < 0.15]
    near = level[np.abs(level[:, 2] - middle[2] + 0.5) < 0.15]
    beside = float((side * near[:, 0]).max()) if len(near) else 0.0
    wide = max(beside + 0.03, float(side * start[0]) + 0.02)
    far = float(middle[2]) - 0.8
    knots = np.array([start, [side * wide, start[1], start[2] - 0.4],
                      [side * wide, start[1] - 0.02, far],
                      [side * (wide - 0.04), start[1] - 0.12, far - 0.2]])  # fmt: skip
    along = np.linspace(0, 3, 16)
    return np.column_stack([np.interp(along, range(4), knots[:, i]) for i in range(3)]).astype(
        np.float32
    )


def _tube(path: Array, *, closed: bool) -> _Mesh:
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    ahead = ahead / (np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9)
    first = np.cross(ahead, np.where(np.abs(ahead[:, 2:]) < 0.9, [0, 0, 1], [0, 1, 0]))
    first = first / (np.linalg.norm(first, axis=1, keepdims=True) + 1e-9)
    second = np.cross(ahead, first)
    angle = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)[None, :, None]
    ring = path[:, None] + _TUBE * (
        np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    )
    count = len(path)
    i, j = np.meshgrid(np.arange(count if closed else count - 1), np.arange(_SIDES), indexing="ij")
    a, b = i * _SIDES + j, i * _SIDES + (j + 1) % _SIDES
    c, d = (((i + 1) % count) * _SIDES + k for k in (j, (j + 1) % _SIDES))
    triangles = np.concatenate([np.stack([a, b, d], -1), np.stack([a, d, c], -1)])
    return _Mesh(ring.reshape(-1, 3).astype(np.float32), triangles.reshape(-1, 3).astype(np.int32))


def _fan(rim: Array) -> _Mesh:
    count = len(rim)
    points = np.concatenate([rim, rim.mean(0, keepdims=True)])
    i = np.arange(count)
    triangles = np.stack([i, (i + 1) % count, np.full(count, count)], 1)
    return _Mesh(points.astype(np.float32), triangles.astype(np.int32))


def _merged(meshes: list[_Mesh]) -> _Mesh:
    starts = np.concatenate([[0], np.cumsum([len(mesh.points) for mesh in meshes])[:-1]])
    triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]
    return _Mesh(
        np.concatenate([mesh.points for mesh in meshes]),
        np.concatenate(triangles).astype(np.int32),
    )


def _sheet(mesh: _Mesh, region: Region, part: Part, size: int, *, clear: bool) -> Sheet:
    nowhere = csr([], np.zeros(0, int), np.zeros(0, int), (len(mesh.points), size))
    texels = region.texels(np.full((1, 2), 0.5, np.float32))
    count = len(mesh.triangles)
    sheet = Sheet(
        matrix=nowhere,
        offset=mesh.points,
        triangles=mesh.triangles,
        texels=texels,
        texel_triangles=np.zeros((count, 3), np.int32),
        part=np.full(count, part, np.uint8),
    )
    return replace(sheet, level=0.0) if clear else sheet
