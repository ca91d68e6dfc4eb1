"""Short hair and beards: layers of skin farther and farther out, clear where no hair reaches."""

import numpy as np

from streamer.frame import Array
from tools.heads.arrays import closest, floats
from tools.heads.assets import Assets
from tools.heads.parts import FACE, FUR, Part
from tools.heads.rig import Sheet, rest_of, worn_sheet
from tools.heads.shape import normals_of

_SHELLS = 5
_LEAST, _GAIN = 0.08, 3.0
_HANGS, _ROOT = 0.35, 0.55
"""How far tips hang down, in lengths, and the share of the light that reaches the roots."""
_ALONG = (-2.0, -1.5, -1.15, -0.95, -0.6, -0.2, 0.2)
_HAIRLINE = (-0.6, -0.55, -0.1, 0.15, 0.34, 0.55, 0.62)
"""Height of the hairline over the eyes, in parts of the head's, by how far it is before the eyes,
in decimetres."""
_SOFT = 0.2
_FROM_MESH = (0.10, 0.3)
"""Distance from a mesh of hair at which the scalp begins to be bare, and is, in decimetres."""


def shells(
    assets: Assets, skin: Sheet, rest: Array, share: Array, length: float, part: Part
) -> list[Sheet]:
    """Hair of `length` decimetres where `share` (u,) of the skin's uv says."""
    inside = FACE.holds(assets.uv)[assets.triangles].all(1)
    kept = assets.triangles[inside & (share[assets.triangles].max(1) > _LEAST)]
    if not len(kept) or not length:
        return []
    owners = assets.uv_owner[kept].astype(np.int32)
    normals = normals_of(rest_of(skin, rest), skin.triangles)
    used, renumbered = np.unique(owners, return_inverse=True)
    found: list[Sheet] = []
    for i in range(_SHELLS):
        far = (i + 1) / _SHELLS
        offset = normals[used] * length * far - floats([0, _HANGS * length * far * far, 0])
        found.append(
            Sheet(
                matrix=skin.matrix[used],
                offset=offset.astype(np.float32),
                triangles=renumbered.reshape(-1, 3).astype(np.int32),
                texels=FUR.texels(assets.uv),
                texel_triangles=kept,
                part=np.full(len(kept), part, np.uint8),
                level=far * 0.75,
                gain=_GAIN,
                shade=_ROOT + (1 - _ROOT) * far,
            )
        )
    return found


def scalp_under(assets: Assets, skin: Sheet, rest: Array, hair: str) -> Array:
    """(u,) how much of the scalp is under a mesh of hair, softly ending around it."""
    worn = assets.worn[f"hair_{hair}"]
    opacity = assets.picture(f"hair_{hair}")[..., 3]
    height, width = opacity.shape
    x = np.clip(worn.uv[:, 0] * width, 0, width - 1).astype(int)
    y = np.clip((1 - worn.uv[:, 1]) * height, 0, height - 1).astype(int)
    dense = np.unique(worn.uv_owner[opacity[y, x] > 200])
    mesh = rest_of(worn_sheet(assets, worn, rest, FUR, Part.HAIR), rest)[dense]
    away, _ = closest(rest_of(skin, rest), mesh)
    low, high = _FROM_MESH
    under = np.clip((high - away) / (high - low), 0, 1)[assets.uv_owner]
    return (under * scalp_of(assets, skin, rest)).astype(np.float32)


def scalp_of(assets: Assets, skin: Sheet, rest: Array) -> Array:
    """(u,) where hair of the head grows: above a line from the forehead to behind the ears."""
    points = rest_of(skin, rest)
    eyes = (assets.joint(rest, "l-eye") + assets.joint(rest, "r-eye")) / 2
    top = float(points[:, 1].max() - eyes[1])
    line = np.interp(points[:, 2] - eyes[2], _ALONG, _HAIRLINE) * top
    above = (points[:, 1] - eyes[1] - line) / (_SOFT * top)
    return np.clip(0.5 + above, 0, 1)[assets.uv_owner].astype(np.float32)


def beard_of(assets: Assets, strength: float) -> Array:
    """(u,) how much beard there is at each uv of the skin."""
    mask = assets.masks["beard"]
    height, width = mask.shape
    x = np.clip(assets.uv[:, 0] * width, 0, width - 1).astype(int)
    y = np.clip((1 - assets.uv[:, 1]) * height, 0, height - 1).astype(int)
    bare = np.maximum(assets.masks["lips"][y, x], assets.inside)
    return np.clip(mask[y, x] * strength * (1 - bare), 0, 1).astype(np.float32)
