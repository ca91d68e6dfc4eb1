"""A person's meshes as one: how every vertex follows the head, and what each triangle is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamer.frame import Array
from tools.heads import parts
from tools.heads.arrays import Sparse, closest, csr, stacked
from tools.heads.assets import Assets, Numbers, Worn
from tools.heads.parts import SOLID, Part, Region
from tools.heads.raster import Triangles
from tools.heads.shape import add_shape

_LID_REACH = 1.35
"""How far from the eye's middle skin is a lid, in radii of the eye."""
_OUT = 1.025
"""Where the skin of a lid ends at the latest, in radii of the eye."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One mesh among those of a person."""

    matrix: Sparse
    """(n, v) from the head's vertices"""
    offset: Array
    """(n, 3)"""
    triangles: Triangles
    """(t, 3) of its vertices"""
    texels: Array
    """(m, 2) in the atlas"""
    texel_triangles: Triangles
    """(t, 3)"""
    part: NDArray[np.uint8]
    """(t,)"""
    level: float = SOLID
    gain: float = 1.0
    pull: float = 0.0
    """how much nearer it counts as being, of its distance"""
    shade: float = 1.0
    """share of the light that reaches it"""


@dataclass(frozen=True, slots=True)
class Eye:
    """An eyeball among the vertices, and the skin around it."""

    centre: Array
    """(3,) at rest"""
    radius: float
    ball: Numbers
    """vertices of the rig"""
    skin: Numbers
    """vertices of the head that must stay outside"""
    fine: Numbers
    """and of the rig"""


@dataclass(frozen=True, slots=True)
class Rig:
    """All meshes of a person. The order of vertices and triangles is that of all frames."""

    rest: Array
    """(v, 3) the head's vertices"""
    matrix: Sparse
    """(n, v)"""
    offset: Array
    """(n, 3)"""
    triangles: Triangles
    """(t, 3)"""
    texels: Array
    """(m, 2)"""
    texel_triangles: Triangles
    part: NDArray[np.uint8]
    """(t,)"""
    level: Array
    gain: Array
    """(t,) each"""
    pull: Array
    """(n, 1)"""
    shade: Array
    """(n,)"""
    eyes: tuple[Eye, Eye]
    inside: Array
    """(n,) 1 for what lies in the mouth"""
    rigid: NDArray[np.bool_]
    """(n,) what turns with the skull and has no expression"""
    neck: Array
    head: Array
    """(3,) joints at rest"""
    skin_count: int
    """vertices of the skin, which come first"""


def rest_of(sheet: Sheet, vertices: Array) -> Array:
    """(n, 3) the sheet's vertices at rest."""
    return (sheet.matrix @ vertices + sheet.offset).astype(np.float32)


def skin_sheet(assets: Assets, hidden: Numbers) -> Sheet:
    """The skin, without what clothes cover."""
    count, total = len(assets.skin), len(assets.average)
    pick = csr(np.ones(count), np.arange(count), assets.skin, (count, total))
    covered = np.zeros(total, bool)
    covered[hidden] = True
    kept = assets.triangles[~covered[assets.corner]]
    face = parts.FACE.holds(assets.uv)[kept].all(1)
    texels = np.concatenate([parts.FACE.texels(assets.uv), parts.BODY.texels(assets.uv)])
    return Sheet(
        matrix=(assets.finer @ pick).tocsr(),
        offset=np.zeros((assets.finer.shape[0], 3), np.float32),
        triangles=assets.uv_owner[kept].astype(np.int32),
        texels=texels,
        texel_triangles=np.where(face[:, None], kept, kept + len(assets.uv)).astype(np.int32),
        part=_skin_parts(assets, kept),
    )


def _skin_parts(assets: Assets, kept: Triangles) -> NDArray[np.uint8]:
    lips = assets.masks["lips"]
    height, width = lips.shape
    uv = assets.uv[kept].mean(1)
    x = np.clip(uv[:, 0] * width, 0, width - 1).astype(int)
    y = np.clip((1 - uv[:, 1]) * height, 0, height - 1).astype(int)
    found = np.where(lips[y, x] > 0.5, Part.LIPS, Part.SKIN)
    inside = assets.inside[kept].mean(1) > 0.5
    return np.where(inside, Part.MOUTH, found).astype(np.uint8)


def worn_sheet(
    assets: Assets, worn: Worn, rest: Array, region: Region, part: Part, **how: float
) -> Sheet:
    """A mesh that hangs on the head, in the size that the head has at rest."""
    size = np.ones(3, np.float32)
    for axis, (a, b, usual) in enumerate(worn.spans):
        if usual:
            size[axis] = abs(rest[int(a), axis] - rest[int(b), axis]) / usual
    rows = np.repeat(np.arange(len(worn.refs)), 3)
    shape = (len(worn.refs), len(assets.average))
    count = len(worn.triangles)
    sheet = Sheet(
        matrix=csr(worn.weights.ravel(), rows, worn.refs.ravel(), shape),
        offset=(worn.offsets * size).astype(np.float32),
        triangles=worn.uv_owner[worn.triangles].astype(np.int32),
        texels=region.texels(worn.uv),
        texel_triangles=worn.triangles,
        part=np.full(count, part, np.uint8),
    )
    return replace(sheet, **how)


def without(sheet: Sheet, drop: NDArray[np.bool_]) -> Sheet:
    """The sheet without some of its triangles."""
    keep = ~drop
    return replace(
        sheet,
        triangles=sheet.triangles[keep],
        texel_triangles=sheet.texel_triangles[keep],
        part=sheet.part[keep],
    )


def joined(assets: Assets, rest: Array, sheets: Sequence[Sheet], ball: int) -> Rig:
    """One rig of all sheets; the first is the skin, the eyeballs are number `ball`."""
    counts = [sheet.offset.shape[0] for sheet in sheets]
    starts = _starts(counts)
    uv_starts = _starts([len(s.texels) for s in sheets])
    lengths = [len(sheet.part) for sheet in sheets]
    matrix = stacked([sheet.matrix for sheet in sheets])
    offset = np.concatenate([sheet.offset for sheet in sheets])
    at_rest = (matrix @ rest + offset).astype(np.float32)
    eyeballs: Numbers = np.arange(int(starts[ball]), int(starts[ball + 1]), dtype=np.int64)
    inside = _inside(assets, sheets, starts)
    return Rig(
        rest=rest,
        matrix=matrix,
        offset=offset,
        triangles=_shifted([sheet.triangles for sheet in sheets], starts),
        texels=np.concatenate([sheet.texels for sheet in sheets]),
        texel_triangles=_shifted([sheet.texel_triangles for sheet in sheets], uv_starts),
        part=np.concatenate([sheet.part for sheet in sheets]),
        level=_each([sheet.level for sheet in sheets], lengths),
        gain=_each([sheet.gain for sheet in sheets], lengths),
        pull=_each([sheet.pull for sheet in sheets], counts)[:, None],
        shade=_each([sheet.shade for sheet in sheets], counts),
        eyes=(
            _eye(assets, rest, at_rest, eyeballs, "l"),
            _eye(assets, rest, at_rest, eyeballs, "r"),
        ),
        inside=inside,
        rigid=np.repeat([sheet.matrix.nnz == 0 for sheet in sheets], counts),
        neck=assets.joint(rest, "neck"),
        head=assets.joint(rest, "head"),
        skin_count=counts[0],
    )


def _starts(counts: Sequence[int]) -> Numbers:
    return np.array([sum(counts[:i]) for i in range(len(counts) + 1)], np.int64)


def _shifted(lists: Sequence[Triangles], starts: NDArray[np.int64]) -> Triangles:
    pairs = zip(lists, starts[:-1], strict=True)
    return np.concatenate([one + start for one, start in pairs]).astype(np.int32)


def _each(values: Sequence[float], counts: Sequence[int]) -> Array:
    return np.repeat(np.array(values, np.float32), counts)


def _inside(assets: Assets, sheets: Sequence[Sheet], starts: NDArray[np.int64]) -> Array:
    found = np.zeros(starts[-1], np.float32)
    np.maximum.at(found, assets.uv_owner, assets.inside)
    for sheet, start, end in zip(sheets, starts[:-1], starts[1:], strict=True):
        if sheet.part[0] in {Part.TEETH, Part.TONGUE}:
            found[start:end] = 1
    return found


def _eye(assets: Assets, rest: Array, at_rest: Array, balls: Numbers, side: str) -> Eye:
    joint = assets.joint(rest, f"{side}-eye")
    ball: Numbers = balls[np.sign(at_rest[balls, 0]) == np.sign(joint[0])]
    away: Array = np.linalg.norm(at_rest[ball] - joint, axis=1)
    radius = float(np.percentile(away, 95))
    skin = assets.skin[_around(rest[assets.skin], joint, _LID_REACH * radius)]
    fine = _around(at_rest[: assets.finer.shape[0]], joint, _LID_REACH * radius)
    return Eye(joint, radius * _OUT, ball, skin, fine)


def _around(points: Array, centre: Array, reach: float) -> Numbers:
    return np.flatnonzero(np.linalg.norm(points - centre, axis=1) < reach)


def teeth_back(assets: Assets, rest: Array, teeth: Worn) -> Array:
    """The head at rest with its teeth and tongue moved back from where they would pierce the lips.

    The worst of three openings of the jaw decides.
    """
    worst = 0.0
    for jaw in (0.9, 0.5, 0.0):
        moved = rest.copy()
        add_shape(assets, moved, "fu/jawOpen", jaw)
        sheet = worn_sheet(assets, teeth, rest, parts.TEETH, Part.TEETH)
        points, lips = rest_of(sheet, moved), moved[assets.lip_outer]
        away, nearest = closest(points[:, :2], lips[:, :2])
        close = away < 0.05
        if close.any():
            beyond: Array = points[close, 2] - lips[nearest[close], 2] + 0.05
            worst = max(worst, float(np.percentile(beyond, 99)))
    moved = rest.copy()
    moved[assets.mouth_parts, 2] -= min(worst, 0.22)
    return moved
