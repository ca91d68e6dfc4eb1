"""A portrait and frames made of chance, always the same: what engines are tested and timed with.

They are as smooth as photos are, with a little grain, for on pure noise every rounding of a
coordinate shows.
"""

import numpy as np
from numpy.typing import NDArray

from engines.contract import FILM, GUIDE, Bytes, Contract, Floats, Frame, Still

_KNOTS = 9
"""Random values along each side, between which all is blended."""
_GRAIN = 4
_NOWHERE = -1e5
"""Where nothing of the person is, as the mesh draws it, px of the texture."""


def sample(contract: Contract, seed: int = 0) -> tuple[Still, Frame]:
    """What a graph of this contract takes for one picture."""
    chance = np.random.default_rng(seed)
    height, width, side = contract.height, contract.width, contract.side
    tall, wide = contract.texture or (height, width)
    source = contract.texture is not None
    still = Still(
        film=(0.1 * chance.standard_normal(FILM[contract.size])).astype(np.float32),
        guide=_photo(chance, GUIDE, GUIDE, 4),
        rest=_photo(chance, side, side, 3),
        extent=np.array([wide, tall], np.float32),
        region=np.array([0.03, -0.05, 0.7, 0.7 * width / height], np.float32),
        texture=_premultiplied(_photo(chance, tall, wide, 4)) if source else None,
        plate=_photo(chance, height, width, 3) if source else None,
    )
    frame = Frame(
        places=_places(chance, (height, width), (tall, wide)),
        layers=_eyes(chance, height, width),
        marks=_photo(chance, side, side, 3),
        rotation=_turn(0.2, 0.1),
        picture=None if source else _photo(chance, height, width, 3),
    )
    return still, frame


def _photo(chance: np.random.Generator, height: int, width: int, channels: int) -> Bytes:
    """(height, width, channels), smooth, with grain."""
    smooth = 255 * _field(chance, height, width, channels)
    grain = (2 * _GRAIN + 1) * chance.random(smooth.shape) - _GRAIN
    return (smooth + grain).clip(0, 255).astype(np.uint8)


def _premultiplied(colours: Bytes) -> Bytes:
    """With alpha made 0 at some places and 255 at most."""
    alpha = (3 * colours[..., 3:].astype(np.int32) - 128).clip(0, 255)
    return np.concatenate([colours[..., :3] * alpha // 255, alpha], 2).astype(np.uint8)


def _eyes(chance: np.random.Generator, height: int, width: int) -> Bytes:
    """(height, width, 4): one soft disc, nothing elsewhere."""
    y, x = np.mgrid[:height, :width]
    away = np.hypot((x / width - 0.5) / 0.15, (y / height - 0.6) / 0.08)
    alpha = (255 * (3 - 3 * away)).clip(0, 255).astype(np.int32)[..., None]
    colours = _photo(chance, height, width, 3) * alpha // 255
    return np.concatenate([colours, alpha], 2).astype(np.uint8)


def _places(chance: np.random.Generator, size: tuple[int, int], texture: tuple[int, int]) -> Floats:
    """(height, width, 2) the whole texture, bent by 3 % of it, and nowhere in one corner."""
    (height, width), (tall, wide) = size, texture
    y, x = np.mgrid[:height, :width].astype(np.float64)
    bend = 0.06 * (_field(chance, height, width, 2) - 0.5)
    places = np.stack([x * (wide / width), y * (tall / height)], 2) + bend * (wide, tall)
    places[: height // 6, : width // 6] = _NOWHERE
    return places.astype(np.float32)


def _turn(yaw: float, pitch: float) -> Floats:
    """(3, 3) from radians."""
    (a, b), (c, d) = (np.cos(yaw), np.sin(yaw)), (np.cos(pitch), np.sin(pitch))
    about_y = np.array([[a, 0, b], [0, 1, 0], [-b, 0, a]])
    about_x = np.array([[1, 0, 0], [0, c, -d], [0, d, c]])
    return (about_y @ about_x).astype(np.float32)


def _field(
    chance: np.random.Generator, height: int, width: int, channels: int
) -> NDArray[np.float64]:
    """(height, width, channels) of 0..1, smooth."""
    knots = chance.random((_KNOTS, _KNOTS, channels))
    rows = np.tensordot(_blend(height), knots, 1)  # (height, knots, channels)
    return (_blend(width) @ rows).astype(np.float64)


def _blend(count: int) -> NDArray[np.float64]:
    """(count, knots) share of each knot at each place."""
    at = np.linspace(0, _KNOTS - 1, count)[:, None]
    return (1 - abs(at - np.arange(_KNOTS))).clip(0, None)
