"""What is behind a person, how bright the picture is, and the grain of the camera."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.vision import blurred, resized
from streamer.frame import Array, Image
from tools.heads.arrays import Values
from tools.heads.assets import Assets
from tools.heads.camera import Camera
from tools.heads.draw import Meshes, brightness, draw
from tools.heads.light import Light
from tools.heads.moves import REST
from tools.heads.parts import FACE, SKINLIKE
from tools.heads.raster import Rasteriser
from tools.heads.shade import Stage
from tools.heads.style import brushed, oil
from tools.heads.traits import Rng, Traits, whole_lot

_PROBE, _FACE_END = 64, 0.6
"""Side of the picture that tells the exposure, and the part of it in which the face is."""
_DARKEST, _OF_ALBEDO = 0.05, 0.75
"""Brightness of a face: what a black one has, and how much of its albedo is added."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The rest of a picture."""

    exposure: float
    background: Image
    """(side, side, 3)"""
    grain: float
    """of the sensor, of 255"""
    blur: float
    """of the lens, px"""


def make_scene(
    assets: Assets,
    who: tuple[Traits, Camera, Light, Image],
    drawn: tuple[Stage, Meshes, Rasteriser],
    side: int,
) -> Scene:
    """The scene of a person: traits, camera, light and atlas."""
    traits, _, light, atlas = who
    rng = np.random.default_rng([traits.seed, 6])
    exposure = _exposure(rng, atlas, drawn)
    painting = traits.style == "painting"
    return Scene(
        exposure,
        background(rng, assets, light.name, side, painting=painting),
        0.0 if painting else float(rng.uniform(0.5, 3.0)),
        float(rng.uniform(0.0, 0.5)) * side / 256,
    )


def _exposure(rng: Rng, atlas: Image, drawn: tuple[Stage, Meshes, Rasteriser]) -> float:
    """What makes the middle of the face as bright as its albedo asks for."""
    stage, meshes, seen = drawn
    library = stage.puppet.library
    probe = draw(stage, meshes, seen, [REST], _PROBE)
    which = library.get(probe.which)[0]
    skin: NDArray[np.bool_] = np.isin(stage.puppet.rig.part[which], SKINLIKE) & (which >= 0)
    skin[int(_PROBE * _FACE_END) :] = False
    shown: Array = library.get(brightness(probe.colour))[0]
    face_only: Array = shown[skin]
    usual = float(np.median(face_only)) if len(face_only) else float(shown.mean())
    rows, columns = FACE.rows_columns
    face = atlas[rows, columns, :3][200:800:7, 60:400:7].astype(np.float32) / 255
    albedo = float((face**2.2).mean())
    wanted = (_DARKEST + _OF_ALBEDO * albedo) * rng.uniform(0.8, 1.3)
    return float(np.clip(wanted / (usual + 1e-4), 0.3, 6))


def background(rng: Rng, assets: Assets, place: str, side: int, *, painting: bool) -> Image:
    """A blurred part of the place that lights the person, or a plain wall."""
    if painting:
        wall = _wall(rng, side, dark=True)
        strokes = brushed(rng, wall.shape[:2], 0.08)[..., None]
        return oil(_bytes(wall * (1 + strokes)), 3, 1)
    if rng.random() < 0.5:
        whole = assets.picture(f"bg_{place}")[..., :3].astype(np.float32) * rng.uniform(0.5, 1.1)
        part = int(rng.uniform(0.35, 0.8) * whole.shape[0])
        x = whole_lot(rng, 0, whole.shape[1] - part)
        y = whole_lot(rng, 0, whole.shape[0] - part)
        cut = np.ascontiguousarray(whole[y : y + part, x : x + part])
        near = resized(cut, (side, side), cv2.INTER_LINEAR)
        return _bytes(blurred(near, side * float(rng.uniform(0.004, 0.03))))
    return _bytes(_wall(rng, side, dark=False))


def _wall(rng: Rng, side: int, *, dark: bool) -> Array:
    def colour() -> Array:
        spread = rng.choice([4, 12, 35], p=[0.45, 0.4, 0.15])
        grey = rng.uniform(15, 110) if dark else rng.uniform(25, 230)
        return np.clip(grey + rng.normal(0, 1, 3) * spread, 0, 255).astype(np.float32)

    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(*[np.linspace(-0.5, 0.5, side)] * 2)
    share = np.clip(0.5 + x * np.cos(angle) + y * np.sin(angle), 0, 1)[..., None]
    return (colour() * (1 - share) + colour() * share).astype(np.float32)


def developed(xp: Values, colour: Values, matte: Values, exposure: float) -> Values:
    """(f, side, side, 3) what a screen shows of linear light, 0 to 255, times the matte."""
    share = xp.clip(matte, 1e-4, 1)[..., None]
    bright = xp.clip(colour, 0, 1e4) / share * exposure
    shown = xp.clip(bright / (1 + xp.clip(bright - 0.7, 0, 1e4) * 0.55), 0, 1) ** (1 / 2.2)
    return shown * matte[..., None] * 255


def finished(picture: Array, matte: Array, scene: Scene, rng: Rng) -> Image:
    """The person (side, side, 3), times the matte (side, side), before the background."""
    whole = picture + (1 - matte[..., None]) * scene.background
    if scene.blur > 0.15:
        whole = blurred(whole.astype(np.float32), scene.blur)
    if scene.grain:
        noise = blurred(rng.normal(size=whole.shape).astype(np.float32), 0.5)
        whole = whole + scene.grain * noise
    return _bytes(whole)


def _bytes(values: Array) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
