"""The textures of a person in one picture: skin, hair, eyes, clothes."""

from typing import Any, cast

import cv2
import numpy as np

from engines.raster import rasterise
from engines.vision import blurred, resized
from streamer.frame import Array, Image
from tools.heads import parts
from tools.heads.arrays import floats
from tools.heads.assets import Assets
from tools.heads.parts import ATLAS, BODY, FACE, FUR, Region
from tools.heads.style import painted
from tools.heads.traits import Colour, Rng, Traits, whole_lot

_ROUGHNESS = ((1, 1.0), (2, 0.8), (4, 0.5), (8, 0.35), (16, 0.3))
"""Grain of the skin: size in px, and how strong."""


def atlas_of(assets: Assets, traits: Traits, scalp: Array, beard: Array) -> Image:
    """(h, w, 4) all textures of a person.

    `scalp` and `beard` (u,) say how much hair there is at each uv of the skin.
    """
    rng = np.random.default_rng([traits.seed, 3])
    atlas = np.zeros((*ATLAS, 4), np.uint8)
    on_scalp, on_chin = (_baked(assets, share) for share in (scalp, beard))
    face, body = _skin(assets, traits, rng, (on_scalp, on_chin))
    _put(atlas, FACE, _opaque(face))
    _put(atlas, BODY, _opaque(body))
    _put(atlas, FUR, _fur(rng, traits.hair_colour, np.maximum(on_scalp, on_chin)))
    if traits.hair:
        hair = _coloured(assets.picture(f"hair_{traits.hair}"), traits.hair_colour)
        _put(atlas, parts.HAIR, hair)
    _put(atlas, parts.EYE, assets.picture(traits.iris))
    _put(atlas, parts.TEETH, _white(assets.picture("teeth"), rng))
    _put(atlas, parts.TONGUE, _opaque(assets.picture("tongue")[..., :3]))
    _put(atlas, parts.LASH, _dyed(assets.picture(traits.lash), (16, 12, 10)))
    _put(atlas, parts.BROW, _dyed(assets.picture(traits.brow), _darker(traits.hair_colour)))
    _put(atlas, parts.WEAVE, _opaque(_grained(rng, traits.cloth_colour, 0.012)))
    _put(atlas, parts.FRAME, _opaque(_grained(rng, traits.glasses_colour, 0.02)))
    lens = _opaque(_grained(rng, (30, 30, 34), 0.0))
    lens[..., 3] = round(255 * traits.tint)
    _put(atlas, parts.LENS, lens)
    return painted(atlas, rng) if traits.style == "painting" else atlas


def _put(atlas: Image, region: Region, picture: Image) -> None:
    atlas[region.rows_columns] = resized(picture, (region.width, region.height), cv2.INTER_LINEAR)


def _opaque(picture: Image) -> Image:
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def _part(picture: Array, region: Region) -> Array:
    """The part of a square texture that a region shows, in the region's size."""
    height, width = picture.shape[:2]
    x0, x1 = (round(u * width) for u in region.u)
    y0, y1 = (round((1 - v) * height) for v in region.v[::-1])
    return resized(
        np.ascontiguousarray(picture[y0:y1, x0:x1]), (region.width, region.height), cv2.INTER_CUBIC
    )


def _baked(assets: Assets, share: Array) -> Array:
    """(h, w) a value of the skin's uv, drawn into the face's region."""
    texels = FACE.texels(assets.uv)
    flat = np.column_stack([texels, np.zeros(len(texels))]).astype(np.float32)
    inside = assets.triangles[FACE.holds(assets.uv)[assets.triangles].all(1)]
    out = np.zeros((1, FACE.height, FACE.width, 2), np.float32)
    depth = np.zeros((FACE.height, FACE.width), np.float32)
    value = np.repeat(share[:, None], 2, 1).astype(np.float32)
    rasterise(flat[None], inside, value, 0, out, depth)
    return out[0, ..., 0]


def _skin(
    assets: Assets, traits: Traits, rng: Rng, hair: tuple[Array, Array]
) -> tuple[Image, Image]:
    """The skin of the face and that of the whole body."""
    whole = _mixed_skins(assets, traits, rng)
    face = _part(whole, FACE)
    noise = _noise(rng, face.shape[:2])
    face *= (1 + traits.pores * noise)[..., None]
    face *= 1 + floats([0.012, 0.03, 0.03]) * traits.blotches * _clouds(rng, face.shape[:2])
    if traits.freckles:
        face *= 1 - _freckles(rng, face.shape[:2], traits.freckles)
    face = _lips(assets, traits, rng, face)
    on_scalp, on_chin = hair
    root = np.clip(0.9 + 0.1 * noise, 0, 1.2)
    covered = np.clip(root * np.maximum(0.9 * on_scalp, 0.7 * on_chin), 0, 0.92)[..., None]
    face = face * (1 - covered) + floats(_darker(traits.hair_colour)) * covered
    tone = floats(traits.tone)
    return _bytes(face * tone), _bytes(whole * tone)


def _mixed_skins(assets: Assets, traits: Traits, rng: Rng) -> Array:
    sex = "female" if traits.gender <= 0.5 else "male"
    age = "old" if traits.age > 0.72 else "middleage" if traits.age > 0.45 else "young"
    pole = ("african", "asian", "caucasian")[int(np.argmax(traits.ancestry))]
    near = [name for name in assets.named("skin_") if f"_{pole}_{sex}" in name]
    own = assets.named(f"skin_{age}_{pole}_{sex}")
    a, b = (
        assets.picture(names[whole_lot(rng, len(names))])[..., :3].astype(np.float32)
        for names in (own, near)
    )
    share = float(rng.uniform(0, 0.45))
    return (1 - share) * a + share * b


def _noise(rng: Rng, shape: tuple[int, ...]) -> Array:
    height, width = shape[:2]
    total = np.zeros((height, width), np.float32)
    for step, strength in _ROUGHNESS:
        coarse = rng.normal(size=(height // step, width // step)).astype(np.float32)
        total += strength * resized(coarse, (width, height), cv2.INTER_CUBIC)
    return (total / total.std()).astype(np.float32)


def _clouds(rng: Rng, shape: tuple[int, ...]) -> Array:
    height, width = shape[:2]
    coarse = blurred(rng.normal(size=(height // 8, width // 8)).astype(np.float32), 3)
    return resized((coarse / coarse.std()).astype(np.float32), (width, height))[..., None]


def _freckles(rng: Rng, shape: tuple[int, ...], strength: float) -> Array:
    spots = np.zeros(shape[:2], np.float32)
    for _ in range(whole_lot(rng, 60, 500)):
        place = (int(rng.uniform(0, shape[1])), int(rng.uniform(0, shape[0])))
        cv2.circle(spots, place, whole_lot(rng, 1, 3), (float(rng.uniform(0.1, 0.5)),), -1)
    soft = blurred(spots, 0.8)[..., None]
    return (soft * floats([0.35, 0.55, 0.6]) * strength).astype(np.float32)


def _lips(assets: Assets, traits: Traits, rng: Rng, face: Array) -> Array:
    mask = _part(assets.masks["lips"], FACE)[..., None] * traits.lipstick
    colour = floats([rng.uniform(110, 190), rng.uniform(30, 90), rng.uniform(40, 90)])
    return face * (1 - mask) + mask * colour * (face.mean(-1, keepdims=True) / 130)


def _fur(rng: Rng, colour: Colour, share: Array) -> Image:
    """Hairs in the uv of the face; their opacity is how long they are."""
    grain = rng.random(share.shape).astype(np.float32)
    strand = cv2.GaussianBlur(grain, (0, 0), sigmaX=1.6, sigmaY=0.5)
    strand = (strand - strand.mean()) / strand.std()
    length = np.clip(share * (0.7 + 0.25 * strand), 0, 1)
    bright = np.clip(0.78 + 0.15 * strand, 0.3, 1.2)[..., None] * floats(colour)
    return np.dstack([_bytes(bright), _bytes(length * 255)])


def _coloured(picture: Image, colour: Colour) -> Image:
    """Hair in another colour, its strands as they are; clear texels take the colour as well."""
    bright = picture[..., :3].astype(np.float32).mean(2)
    there = picture[..., 3] > 128
    strands: Array = bright[there]
    low, middle, high = (float(np.percentile(strands, part)) for part in (8, 50, 92))
    shade = np.clip(0.62 + 0.55 * (bright - middle) / (high - low + 6), 0.18, 1.35)[..., None]
    dyed = shade * floats(colour) * 1.15 + 4
    dyed[~there] = floats(colour) * 0.6
    return np.dstack([_bytes(dyed), picture[..., 3]])


def _dyed(picture: Image, colour: Colour) -> Image:
    flat = np.broadcast_to(floats(colour), (*picture.shape[:2], 3))
    return np.dstack([_bytes(flat), picture[..., 3]])


def _white(picture: Image, rng: Rng) -> Image:
    """Teeth brighter than in the texture, yellower or whiter by chance."""
    teeth = picture[..., :3].astype(np.float32)
    white = (np.ptp(teeth, axis=2) < 30)[..., None]
    factor = floats([1.22, 1.18, 1.22 - rng.uniform(0.04, 0.24)])
    return np.dstack([_bytes(np.where(white, teeth * factor, teeth * 1.05)), picture[..., 3]])


def _darker(colour: Colour) -> Colour:
    r, g, b = (0.6 * c for c in colour)
    return r, g, b


def _grained(rng: Rng, colour: Colour, strength: float) -> Image:
    grain = 1 + strength * rng.normal(size=(128, 128, 1))
    return _bytes(grain * floats(colour))


def _bytes(values: Array) -> Image:
    return cast("Any", np.clip(values, 0, 255)).astype(np.uint8)
