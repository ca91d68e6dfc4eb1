"""The picture taken apart: the person's matte and colours, and the background without them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.geometry import Array
from engines.vision import (
    Image,
    blurred,
    dilated,
    disc,
    eroded,
    grey,
    guided,
    laplacian,
    resized,
    square,
)

Mask = NDArray[np.float32]

_ROUNDING = (20 / 12, 0.0092)
"""Energy of the Laplacian of the noise of rounding to bytes, as it is and blurred by 1 px."""
_RELAX_BELOW_PX, _RELAX_ROUNDS = 400, 12
_UNMIX_ABOVE = 0.25
"""Matte value from which a pixel's own colour, freed from the background, is trusted."""


def refined_matte(picture: Image, rough: Mask, face_px: float) -> Mask:
    """(H, W) 0-1: a segmentation made exact along the person's outline.

    In a band around the outline each pixel is split between the person's and the background's local
    colours, as far as these differ; then smoothed along the picture's own edges (guided filter, He
    et al. 2010).
    """
    band = max(2, round(face_px * 0.045)) * 2 + 1
    kernel = disc(band)
    inner = eroded((rough > 0.85).astype(np.uint8), kernel)
    outer = eroded((rough < 0.15).astype(np.uint8), kernel)
    if not inner.any() or not outer.any():
        return rough
    source = picture.astype(np.float32)
    person = pushed(source, inner.astype(np.float32))
    behind = pushed(source, outer.astype(np.float32))
    apart = person - behind
    power = (apart * apart).sum(2)
    share = ((source - behind) * apart).sum(2) / np.maximum(power, 1)
    sure = power / (power + 30.0**2)
    split = np.clip((share - 0.12) / 0.7, 0, 1) * sure + rough * (1 - sure)
    split = np.where(inner > 0, 1, np.where(outer > 0, 0, split)).astype(np.float32)
    radius = max(1, round(face_px * 0.008))
    fine = guided(split, source / 255, radius, 1e-3)
    return np.clip((fine - 0.04) / 0.92, 0, 1)


def pushed(picture: Array, weight: Mask) -> Array:
    """(H, W, 3 or 4) the weighted pixels unchanged, the rest filled smoothly from around them.

    A pyramid of means gives the coarse colours; on the way back each level is relaxed towards the
    harmonic fill.
    """
    levels = [(picture.astype(np.float32) * weight[..., None], weight.astype(np.float32))]
    while min(levels[-1][1].shape) > 2:
        c, w = levels[-1]
        size = ((w.shape[1] + 1) // 2, (w.shape[0] + 1) // 2)
        c, w = resized(c, size), resized(w, size)
        gain = np.minimum(w * 4, 1) / np.maximum(w, 1e-6)
        levels.append((c * gain[..., None], w * gain))
    c, w = levels[-1]
    filled = np.broadcast_to(c.sum((0, 1)) / max(float(w.sum()), 1e-6), c.shape).astype(np.float32)
    for c, w in reversed(levels):
        size = (w.shape[1], w.shape[0])
        below = resized(filled, size, cv2.INTER_LINEAR)
        trust = np.clip(w, 0, 1)[..., None]
        known = c / np.maximum(w, 1e-6)[..., None] * trust
        filled = known + below * (1 - trust)
        if max(size) <= _RELAX_BELOW_PX:
            for _ in range(_RELAX_ROUNDS):
                filled = known + cv2.blur(filled, (3, 3)) * (1 - trust)
    return filled.astype(np.float32)


def background_plate(picture: Image, matte: Mask, face_px: float, seed: int = 0) -> Image:
    """(H, W, 3) the picture without the person: filled from around, with its own grain."""
    reach = max(3, round(face_px * 0.09)) | 1
    person = dilated((matte > 0.03).astype(np.uint8), disc(reach))
    known = (1 - person).astype(np.float32)
    if known.sum() < 0.005 * known.size:
        return picture.copy()
    filled = pushed(picture.astype(np.float32), known)
    smooth = blurred(filled, max(1.0, face_px * 0.03))
    soft = blurred(known, max(1.0, face_px * 0.015)) * known
    plate = smooth + (picture.astype(np.float32) - smooth) * soft[..., None]
    plate += _grain(picture, known, seed) * (1 - soft)[..., None]
    return np.clip(plate + 0.5, 0, 255).astype(np.uint8)


def _grain(picture: Image, known: Mask, seed: int) -> Array:
    """(H, W, 1) noise of the strength that the background's own fine grain has."""
    luma = grey(picture)
    fine = luma - blurred(luma, 1.5)
    inner = fine[known > 0]
    sigma = min(float(np.median(np.abs(inner))) * 1.4826, 6.0) if inner.size else 0.0
    noise = np.random.default_rng(seed).normal(0, 1, luma.shape).astype(np.float32)
    noise = blurred(noise, 0.7)
    return (noise / max(float(noise.std()), 1e-6) * sigma)[..., None]


def foreground(picture: Image, matte: Mask, plate: Image) -> Image:
    """(H, W, 3) the person's colours without background, continued beyond the matte's edge."""
    source = picture.astype(np.float32)
    solid = np.clip((matte - 0.9) / 0.1, 0, 1)
    own = pushed(source, np.maximum(solid, 1e-4 * matte))
    alpha = np.maximum(matte, _UNMIX_ABOVE)[..., None]
    unmixed = np.clip((source - (1 - alpha) * plate.astype(np.float32)) / alpha, 0, 255)
    near = np.clip(unmixed, own - 60, own + 60)
    trust = np.clip((matte - _UNMIX_ABOVE) / 0.35, 0, 1)[..., None]
    return np.clip(own + (near - own) * trust + 0.5, 0, 255).astype(np.uint8)


def premultiplied(colours: Image, matte: Mask) -> Image:
    """(H, W, 4) uint8 colours times matte, so that resampling mixes in nothing from outside."""
    alpha = matte[..., None].astype(np.float32)
    rgba = np.concatenate([colours.astype(np.float32) * alpha, alpha * 255], 2)
    return np.clip(rgba + 0.5, 0, 255).astype(np.uint8)


def polygon_mask(points: Array, shape: tuple[int, int]) -> Mask:
    """(H, W) coverage 0-1 of a closed polygon (N, 2) in pixels, with smooth edges."""
    mask = np.zeros(shape, np.uint8)
    fixed = np.round(points * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], (255,), lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def inset_mask(points: Array, shape: tuple[int, int], blur: float) -> Mask:
    """(H, W) coverage of a closed polygon (N, 2) that ends just inside its line, softly.

    `blur` is the picture's own, in px (see `blur_of`): its edges are as soft.
    """
    mask = polygon_mask(points, shape)
    return np.minimum(mask, blurred(eroded(mask, square(3)), max(0.6, blur)))


def blur_of(picture: Image) -> float:
    """How blurred a picture is: the sigma, in px, of the Gaussian that would make it so.

    Blurring by 1 px takes the more detail away the sharper the picture is. For the usual picture,
    whose power falls with the square of frequency, the energy of the Laplacian goes with the fourth
    power of the blur, and so their ratio before and after gives it.
    """
    luma = grey(picture)
    before = float(np.square(laplacian(luma)).mean()) - _ROUNDING[0]
    after = float(np.square(laplacian(blurred(luma, 1.0))).mean()) - _ROUNDING[1]
    root = np.sqrt(np.clip(after / max(before, 0.2), 0.0, 0.81))
    return float(np.sqrt(root / (1 - root)))


def smooth_closed(points: Array, per_edge: int = 4) -> Array:
    """(N * per_edge, 2) a closed Catmull-Rom curve through the points (N, 2)."""
    t = (np.arange(per_edge, dtype=np.float32) / per_edge)[None, :, None]
    before, a, b, after = (np.roll(points, k, 0)[:, None] for k in (1, 0, -1, -2))
    curve = 0.5 * (
        2 * a + (b - before) * t + (2 * before - 5 * a + 4 * b - after) * t**2
        + (3 * a - before - 3 * b + after) * t**3
    )  # fmt: skip
    return curve.reshape(-1, 2).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Stroke:
    """Something drawn, to be laid over a picture."""

    x: int
    """column of the picture it begins at"""
    y: int
    """row of the picture it begins at"""
    colour: Array
    """(h, w, 3), or (3,) where it is the same all over, 0-255"""
    cover: Array
    """(h, w, 1) 0-1"""
    darkens: bool = False
    """it makes nothing lighter"""

    def lay_over(self, picture: Image) -> None:
        """Draw it on the picture (H, W, 3)."""
        height, width = self.cover.shape[:2]
        part = picture[self.y : self.y + height, self.x : self.x + width]
        colour = np.minimum(part, self.colour) if self.darkens else self.colour
        part[:] = _bytes(part + (colour - part) * self.cover)

    def lay_into(self, layer: Image, x: int, y: int) -> tuple[slice, slice]:
        """Draw it into a premultiplied layer (H, W, 4) that begins at x, y of the picture.

        Returns the rows and columns of the layer that it may have changed.
        """
        height, width = self.cover.shape[:2]
        rows, own_rows = _common(self.y - y, height, layer.shape[0])
        columns, own_columns = _common(self.x - x, width, layer.shape[1])
        colour = self.colour if self.colour.ndim == 1 else self.colour[own_rows, own_columns]
        cover = self.cover[own_rows, own_columns]
        part = layer[rows, columns]
        part[..., :3] = _bytes(part[..., :3] + (colour - part[..., :3]) * cover)
        part[..., 3:] = _bytes(part[..., 3:] + (255 - part[..., 3:]) * cover)
        return rows, columns


def _common(start: int, length: int, whole: int) -> tuple[slice, slice]:
    """Where [start, start + length) lies in [0, whole), and which part of its own that is."""
    low = min(max(start, 0), whole)
    high = max(min(start + length, whole), low)
    return slice(low, high), slice(low - start, high - start)


def _bytes(values: Array) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
