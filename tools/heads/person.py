"""A person of a seed: who it is, its meshes, its textures, and the place where it is filmed."""

from dataclasses import dataclass, replace

import numpy as np

from streamer.frame import Array, Image
from tools.heads import parts
from tools.heads.assets import Assets
from tools.heads.camera import Camera, draw_camera
from tools.heads.glasses import glasses
from tools.heads.light import Light, draw_light
from tools.heads.paint import atlas_of
from tools.heads.parts import Part
from tools.heads.rig import Rig, Sheet, joined, rest_of, skin_sheet, teeth_back, without, worn_sheet
from tools.heads.shape import head_of, normals_of
from tools.heads.shells import beard_of, scalp_of, scalp_under, shells
from tools.heads.traits import Traits, draw_traits

_BROW, _LASH = 0.003, 0.001
"""How much nearer brows and lashes count as being than they are, so that skin never hides them."""
_SHORTEST, _LONGEST, _SHAVEN = 0.015, 0.08, 0.3
"""Of cropped hair in decimetres, and the trait below which there is none."""
_SHIRT = 0.045


@dataclass(frozen=True, slots=True)
class Person:
    """All that stays the same in the frames of a person."""

    traits: Traits
    rig: Rig
    atlas: Image
    """(h, w, 4)"""
    camera: Camera
    light: Light


def make_person(assets: Assets, seed: int, traits: Traits | None = None) -> Person:
    """The person of a seed, or one with these traits."""
    who = traits or draw_traits(assets, seed)
    rest = teeth_back(assets, head_of(assets, who), assets.worn[who.teeth])
    skin = skin_sheet(assets, assets.worn[who.cloth].hides if who.cloth else np.zeros(0, np.int64))
    scalp = _scalp(assets, who, skin, rest)
    beard = beard_of(assets, who.beard)
    rig = _rig(assets, who, rest, skin, (scalp, beard))
    rng = np.random.default_rng([seed, 4])
    return Person(
        who,
        rig,
        atlas_of(assets, who, scalp, beard),
        draw_camera(rng, rig),
        draw_light(rng, assets),
    )


def _scalp(assets: Assets, who: Traits, skin: Sheet, rest: Array) -> Array:
    if who.hair:
        return scalp_under(assets, skin, rest, who.hair)
    return scalp_of(assets, skin, rest) * np.float32(min(1.0, 0.25 + who.crop))


def _rig(assets: Assets, who: Traits, rest: Array, skin: Sheet, fur: tuple[Array, Array]) -> Rig:
    def worn(name: str, region: parts.Region, part: Part, **how: float) -> Sheet:
        return worn_sheet(assets, assets.worn[name], rest, region, part, **how)

    eyes = worn("eyes", parts.EYE, Part.EYE)
    sheets = [
        skin,
        without(eyes, _clear_triangles(eyes, assets.picture(who.iris))),
        worn(who.teeth, parts.TEETH, Part.TEETH),
        worn("tongue", parts.TONGUE, Part.TONGUE),
        worn(who.lash, parts.LASH, Part.LASH, level=0.0, pull=_LASH),
        worn(who.brow, parts.BROW, Part.BROW, level=0.0, pull=_BROW),
        worn(who.cloth, parts.WEAVE, Part.CLOTH) if who.cloth else _shirt(assets, who, skin, rest),
    ]
    if who.hair:
        sheets.append(worn(f"hair_{who.hair}", parts.HAIR, Part.HAIR, level=0.0))
    elif who.crop > _SHAVEN:
        length = _SHORTEST + (_LONGEST - _SHORTEST) * who.crop
        sheets += shells(assets, skin, rest, fur[0], length, Part.HAIR)
    sheets += shells(assets, skin, rest, fur[1], who.beard_length, Part.BEARD)
    rig = joined(assets, rest, sheets, 1)
    if who.glasses:
        at = (rig.eyes[0].centre, rig.eyes[1].centre)
        sheets += glasses(
            who.glasses, at, rig.eyes[0].radius, rest_of(skin, rest), len(assets.average)
        )
        rig = joined(assets, rest, sheets, 1)
    return rig


def _clear_triangles(sheet: Sheet, texture: Image) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which triangles of the eyes are the cornea, which is clear and only in the way."""
    height, width = texture.shape[:2]
    scale = np.array([parts.EYE.width / width, parts.EYE.height / height])
    place = (sheet.texels - np.array([parts.EYE.x, parts.EYE.y])) / scale
    x = np.clip(place[:, 0], 0, width - 1).astype(int)
    y = np.clip(place[:, 1], 0, height - 1).astype(int)
    clear = texture[y, x, 3] < 128
    return clear[sheet.texel_triangles].all(1)


def _shirt(assets: Assets, who: Traits, skin: Sheet, rest: Array) -> Sheet:
    """The body below the neck, a little larger."""
    points = rest_of(skin, rest)
    rng = np.random.default_rng([who.seed, 5])
    top = float(assets.joint(rest, "neck")[1]) - float(rng.uniform(0.12, 0.5))
    below = (points[skin.triangles][:, :, 1] < top).any(1)
    out = (normals_of(points, skin.triangles) * _SHIRT).astype(np.float32)
    out[:, 1] -= np.maximum(0, points[:, 1] + out[:, 1] - top)
    count = int(below.sum())
    return replace(
        skin,
        offset=out,
        triangles=skin.triangles[below],
        texels=parts.WEAVE.texels(assets.uv),
        texel_triangles=np.tile(np.arange(3, dtype=np.int32), (count, 1)),
        part=np.full(count, Part.CLOTH, np.uint8),
    )
