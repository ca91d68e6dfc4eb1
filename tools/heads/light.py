"""The light that falls on a person: an environment and two lamps."""

from dataclasses import dataclass

import numpy as np

from streamer.frame import Array
from tools.heads.assets import Assets
from tools.heads.traits import Rng, whole_lot

BRIGHTEST = 30.0


@dataclass(frozen=True, slots=True)
class Light:
    """Linear light; 1 is the mean of the environment."""

    name: str
    environment: Array
    """(h, w, 3) by height from the top and by angle around y"""
    harmonics: Array
    """(9, 3) what of it falls on a surface, by direction"""
    lamps: Array
    """(2, 3) directions to the lamps"""
    colours: Array
    """(2, 3)"""
    soft: float
    """width of the shadow's edge, as a part of the shadow's picture"""


def draw_light(rng: Rng, assets: Assets) -> Light:
    """One of the assets' environments, turned, with a strong lamp and a weak one."""
    name = sorted(assets.lights)[whole_lot(rng, len(assets.lights))]
    turned = np.roll(_even(assets.lights[name]), whole_lot(rng, 256), 1)
    environment = (turned * rng.uniform(0.35, 0.9)).astype(np.float32)
    lamps: list[Array] = []
    colours: list[Array] = []
    for least, most in ((0.15, 1.5), (0.0, 0.5)):
        around, up = rng.uniform(-1.3, 1.3), rng.uniform(-0.05, 1.0)
        lamps.append(_direction(around, up))
        colour = np.clip(rng.normal((1, 0.95, 0.88), (0.02, 0.05, 0.1)), 0.5, 1.05)
        colours.append((colour * rng.uniform(least, most)).astype(np.float32))
    soft = float(rng.uniform(0.004, 0.02))
    return Light(
        name, environment, harmonics(environment), np.stack(lamps), np.stack(colours), soft
    )


def _direction(around: float, up: float) -> Array:
    return np.array(
        [np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)], np.float32
    )


def _even(environment: Array) -> Array:
    """Of mean 1, its suns dimmed to what a camera bears."""
    height = len(environment)
    share = np.sin((np.arange(height) + 0.5) / height * np.pi)[:, None]
    mean = float((environment.mean(2) * share).mean())
    return np.minimum(environment / (mean + 1e-6), BRIGHTEST).astype(np.float32)


def harmonics(environment: Array) -> Array:
    """(9, 3) the light of an environment on a surface, as spherical harmonics of its normal."""
    height, width = environment.shape[:2]
    down = (np.arange(height) + 0.5) / height * np.pi
    around = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    y, s = np.cos(down)[:, None] * np.ones(width), np.sin(down)[:, None]
    x, z = s * np.sin(around), s * np.cos(around)
    patch = s * (np.pi / height) * (2 * np.pi / width)
    basis = (
        0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y,
        1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z,
        0.546274 * (x * x - y * y),
    )  # fmt: skip
    spread = [1.0] + [2 / 3] * 3 + [1 / 4] * 5
    found = [
        (environment * (b * patch)[..., None]).sum((0, 1)) * a
        for b, a in zip(basis, spread, strict=True)
    ]
    return np.array(found, np.float32)
