"""Shapes and people for the tests of synthetic heads."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tools.heads.arrays import NumpyLibrary
from tools.heads.assets import load
from tools.heads.moves import Move
from tools.heads.person import make_person
from tools.heads.raster import Soup, nearest
from tools.heads.render import frames, studio

ASSETS = Path(__file__).resolve().parents[2] / "shared" / "synth"
needs_assets = pytest.mark.skipif(not ASSETS.is_dir(), reason="the assets of heads are not here")


@cache
def assets():
    return load(ASSETS)


@cache
def person(seed):
    return make_person(assets(), seed)


@cache
def place(seed, side=96):
    return studio(assets(), person(seed), NumpyLibrary(), nearest, side)


def frame(seed, side=96, **move):
    """One picture of a person who does this."""
    how = {"units": {}, "gaze": (0, 0), "turn": (0, 0, 0), "shift": (0, 0, 0)} | move
    return next(frames(place(seed, side), [Move(**how)]))


def both(name, share):
    """A unit of both sides of the face."""
    return {f"{name}{side}": share for side in ("Left", "Right")}


def soup(triangles, clear_from=None, seed=0):
    """Triangles whose vertices have a texel each; those from `clear_from` on have holes."""
    random = np.random.default_rng(seed)
    count = len(triangles)
    solid = count if clear_from is None else clear_from
    level = np.full(count, -2, np.float32)
    level[solid:] = random.choice([0, 0.3], count - solid)
    return Soup(
        numbers=np.arange(count) * 10,
        triangles=np.int64(triangles),
        texels=random.uniform(1, 31, (int(np.max(triangles)) + 1, 2)).astype(np.float32),
        texel_triangles=np.int64(triangles),
        level=level,
        gain=np.ones(count, np.float32),
        clear=random.integers(0, 256, (32, 32)).astype(np.uint8),
    )


def scattered(seed, count=60, side=48, frames_=1):
    """Points on a screen of `side` samples and near it, and triangles of them."""
    random = np.random.default_rng(seed)
    points = random.uniform([-8, -8, 0.02], [side + 8, side + 8, 0.2], (frames_, count, 3))
    return points.astype(np.float32), random.permutation(count).reshape(-1, 3)
