"""Painting in texture space: strokes lie on the surface and move with it."""

from typing import Any, cast

import cv2
import numpy as np

from engines.vision import resized
from streamer.frame import Array, Image
from tools.heads import parts
from tools.heads.arrays import floats
from tools.heads.traits import Rng, whole_lot

_PAINTED = (parts.FACE, parts.BODY, parts.HAIR, parts.EYE, parts.TEETH)


def painted(atlas: Image, rng: Rng) -> Image:
    """The textures as if in oil; what is clear stays clear."""
    size, steps = whole_lot(rng, 2, 5), whole_lot(rng, 1, 3)
    warm = floats([1.06, 1.0, rng.uniform(0.78, 0.94)])
    found = atlas.copy()
    for region in _PAINTED:
        where = region.rows_columns
        colour = oil(np.ascontiguousarray(atlas[where][..., :3]), size, steps)
        strokes = brushed(rng, colour.shape[:2], float(rng.uniform(0.02, 0.06)))
        tinted = colour.astype(np.float32) * warm * (1 + strokes[..., None])
        found[where][..., :3] = np.clip(tinted, 0, 255)
    return found


def oil(picture: Image, size: int, steps: int) -> Image:
    """The commonest brightness around each pixel, as a brush leaves it."""
    return cast("Any", cv2).xphoto.oilPainting(picture, size, steps)


def brushed(rng: Rng, shape: tuple[int, ...], strength: float) -> Array:
    """(h, w) relief of strokes in changing directions, of mean 0."""
    height, width = shape[:2]
    grain = rng.normal(size=(height, width)).astype(np.float32)
    angles = rng.uniform(0, np.pi, 4)
    strokes = [_drawn_out(grain, float(angle)) for angle in angles]
    weights = rng.normal(size=(4, height // 48 + 1, width // 48 + 1)).astype(np.float32)
    share = np.stack([resized(w, (width, height), cv2.INTER_CUBIC) for w in weights])
    share = np.exp(2 * share)
    total = (np.stack(strokes) * share).sum(0) / share.sum(0)
    return (strength * total / total.std()).astype(np.float32)


def _drawn_out(grain: Array, angle: float) -> Array:
    side = 15
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (side // 2)
    a, b = (tuple(int(v) for v in side // 2 + s * reach) for s in (-1, 1))
    cv2.line(kernel, a, b, (1.0,))
    return cast("Any", cv2).filter2D(grain, -1, kernel / kernel.sum())
