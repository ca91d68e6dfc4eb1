"""The eyeball under the lids: taken from the picture, completed where the lids hide it."""

from dataclasses import dataclass

import cv2
import numpy as np

from engines.geometry import Array, Eye, Index
from engines.layers import Mask, Stroke, inset_mask, polygon_mask, pushed, smooth_closed
from engines.vision import Image, blurred, dilated, disc, eroded, square, warped

_MARGIN = 0.55
"""Border of the patch around the eye, in eye widths."""
_RIM = 1.1
"""Size of the iris with its soft rim over the radius the landmarks give."""
_WHITE_FROM = 1.3
"""Distance from the iris' centre, in radii, from which the white is trusted."""
_LASH = 0.055
"""Thickness of the line of shut lids, in eye widths."""
_LID_RIM = 0.35
"""Width of the rim around the eye in which white may be left, in heights of the eye."""
_MIN_WHITE_PX = 12


@dataclass(frozen=True, slots=True)
class EyeLayer:
    """One eyeball, cut from the picture. Patch coordinates are picture pixels minus `origin`."""

    origin: Array
    """(2,) place of the patch in the picture, px"""
    white: Image
    """(h, w, 3) the eyeball without iris"""
    iris: Image
    """(h, w, 4) the whole iris, premultiplied, where it is in the picture"""
    glint: Image
    """(h, w, 3) the light's reflection: added, stays where it is when the iris moves"""
    corners: Array
    """(2, 2) left and right corner of the eye in the picture, px"""
    centre: Array
    """(2,) of the iris in the picture, px"""
    radius: float
    """of the iris, px"""

    def placed(self, corners: Array, gaze: Array, low: Index) -> tuple[Array, Array]:
        """(2, 3) each: the way of the patch and of its iris to pixels of a picture minus `low`.

        `corners` (2, 2) px are the eye's in that picture; `gaze` (2,) shifts the iris by this many
        half eye widths.
        """
        axis, own = corners[1] - corners[0], self.corners[1] - self.corners[0]
        ratio = complex(*axis) / complex(*own)
        turn = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]], np.float32)
        middle, own_middle = corners.mean(0), self.corners.mean(0)
        still = np.column_stack([turn, middle - low - turn @ (own_middle - self.origin)])
        half = float(np.linalg.norm(axis)) / 2
        along = axis / (2 * half)
        moved = still.copy()
        moved[:, 2] += half * (gaze[0] * along + gaze[1] * np.array([-along[1], along[0]]))
        return still, moved

    def iris_at(self, corners: Array, gaze: Array) -> Array:
        """(3,) place and radius of the iris, px, for an eye drawn between these `corners`."""
        _, way = self.placed(corners, gaze, np.zeros(2, np.int32))
        x, y = way[:, :2] @ (self.centre - self.origin) + way[:, 2]
        return np.array([x, y, self.radius * np.hypot(*way[:, 0])], np.float32)


def eye_layer(picture: Image, landmarks: Array, eye: Eye) -> EyeLayer:
    """Take an eye (see `geometry.eyes`) out of a picture with face points (478, 3) in pixels."""
    contour = landmarks[eye.contour, :2]
    corners = landmarks[eye.corners, :2]
    corners = corners[np.argsort(corners[:, 0])]
    width = float(np.linalg.norm(corners[1] - corners[0]))
    margin = _MARGIN * width + 2
    low = np.floor(contour.min(0) - margin).astype(int)
    high = np.ceil(contour.max(0) + margin).astype(int)
    low = np.clip(low, 0, [picture.shape[1] - 2, picture.shape[0] - 2])
    high = np.clip(high, low + 2, [picture.shape[1], picture.shape[0]])
    patch = picture[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    shape = (patch.shape[0], patch.shape[1])
    open_part = polygon_mask(smooth_closed(contour - low), shape)
    visible = eroded(open_part, square(3))
    centre = landmarks[eye.iris, :2] - low
    rim = landmarks[eye.iris + 1 : eye.iris + 5, :2] - landmarks[eye.iris, :2]
    radius = max(float(np.linalg.norm(rim, axis=1).mean()), 1.0)
    radius = _iris_radius(patch, visible, centre, radius)
    disc = _disc(shape, centre, radius * _RIM, soft=max(1.0, radius * 0.16))
    white = _white(patch, visible, _disc(shape, centre, radius * _WHITE_FROM, soft=1.0))
    whole, glint = _iris(patch, visible, centre, radius)
    premultiplied = np.dstack([whole * disc[..., None], disc * 255])
    return EyeLayer(
        origin=low.astype(np.float32),
        white=_bytes(white),
        iris=_bytes(premultiplied),
        glint=_bytes(glint * (disc * visible)[..., None]),
        corners=corners.astype(np.float32),
        centre=(centre + low).astype(np.float32),
        radius=radius,
    )


def _bytes(values: Array) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def _disc(shape: tuple[int, int], centre: Array, radius: float, soft: float) -> Mask:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    away = np.hypot(x - centre[0], y - centre[1])
    return np.clip((radius - away) / soft, 0, 1).astype(np.float32)


def _iris_radius(patch: Array, visible: Mask, centre: Array, guess: float) -> float:
    """Where the iris really ends; the landmarks' circle is often too small.

    Looks left and right only, where no lid hides the iris.
    """
    y, x = np.mgrid[: patch.shape[0], : patch.shape[1]].astype(np.float32)
    dx, dy = x - centre[0], y - centre[1]
    away = np.hypot(dx, dy)
    seen = (visible > 0.5) & (np.abs(dx) > 0.6 * away)
    grey: Array = patch.mean(2)

    def ring(radius: float) -> float:
        inside = seen & (np.abs(away - radius) < 0.12 * guess + 0.5)
        return float(np.median(grey[inside])) if inside.sum() > 4 else float("nan")

    radii = guess * np.linspace(0.85, 1.5, 14)
    rise = np.array([ring(r + 0.15 * guess) - ring(r - 0.15 * guess) for r in radii])
    if not np.isfinite(rise).any() or np.nanmax(rise) < 8:
        return guess
    return float(radii[int(np.nanargmax(rise))])


def _white(patch: Array, visible: Mask, beyond: Mask) -> Array:
    """The eyeball's white, continued under iris and lids."""
    seen = np.where((visible > 0.9) & (beyond <= 0), 1.0, 0.0).astype(np.float32)
    if seen.sum() < _MIN_WHITE_PX:
        inside = patch[visible > 0.5]
        if len(inside) == 0:
            inside = patch.reshape(-1, 3)
        level = np.percentile(inside, 85, axis=0)
        return np.broadcast_to(level, patch.shape).astype(np.float32).copy()
    filled = pushed(patch, seen)
    soft = blurred(filled, 1.5)
    own = blurred(seen, 0.8)[..., None] * seen[..., None]
    return soft + (filled - soft) * own


def _iris(patch: Array, visible: Mask, centre: Array, radius: float) -> tuple[Array, Array]:
    """The iris completed around its centre, and the reflection that lay on it."""
    y, x = np.mgrid[: patch.shape[0], : patch.shape[1]].astype(np.float32)
    away = np.hypot(x - centre[0], y - centre[1]) / radius
    rings = np.minimum((away * 10).astype(int), 12)
    usable = (visible > 0.9) & (away < 1.3)
    profile = np.zeros((13, 3), np.float32)
    known = np.zeros(13, bool)
    for ring in range(13):
        pixels = patch[usable & (rings == ring)]
        if len(pixels) >= 3:
            profile[ring], known[ring] = np.percentile(pixels, 35, axis=0), True
    if not known.any():
        return patch.copy(), np.zeros_like(patch)
    index = np.flatnonzero(known)
    for channel in range(3):
        profile[:, channel] = np.interp(np.arange(13), index, profile[index, channel])
    at = np.clip(away * 10 - 0.5, 0, 12)
    lower = np.floor(at).astype(int)
    part = (at - lower)[..., None]
    around = profile[lower] * (1 - part) + profile[np.minimum(lower + 1, 12)] * part
    brighter = (patch - around).mean(2)
    lit = usable & (brighter > 35) & (away < 0.95)
    lit_soft = blurred(lit.astype(np.float32), 0.8)[..., None]
    glint = np.clip(patch - around, 0, 255) * lit_soft
    seen = blurred((visible > 0.9).astype(np.float32), 0.8)[..., None]
    own = np.where(lit_soft > 0, patch - glint, patch)
    return around + (own - around) * np.minimum(seen * 1.3 - 0.3, 1).clip(0), glint


@dataclass(frozen=True, slots=True)
class LidTexture:
    """A part of the texture as it is while the lids are shut."""

    rows: slice
    columns: slice
    shut: Image
    """(h, w, 4)"""
    lash: Array
    """(3,) colour of the line that shut lids make"""


def lid_texture(texture: Image, places: Array, eye: Eye) -> LidTexture:
    """The lids of one eye without the rim of white that the landmarks leave on them.

    Around the eye all that is bright becomes the skin above it; lashes stay.
    `texture` is (H, W, 4), `places` (V, 2) where its face points are.
    """
    contour = places[eye.contour]
    height = max(float(np.ptp(contour[:, 1])), 2.0)
    low = np.floor(contour.min(0) - 2 * height).astype(int)
    high = np.ceil(contour.max(0) + 2 * height).astype(int)
    low = np.clip(low, 0, [texture.shape[1], texture.shape[0]])
    high = np.clip(high, 0, [texture.shape[1], texture.shape[0]])
    rows, columns = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    own = texture[rows, columns].astype(np.float32)
    line = smooth_closed(contour - low.astype(np.float32))
    reach = 2 * max(1, round(_LID_RIM * height)) + 1
    rim = dilated(polygon_mask(line, (own.shape[0], own.shape[1])), disc(reach))
    rim = blurred(rim, max(0.8, 0.08 * height))[..., None]
    ring: Array = places[eye.upper_ring] - low.astype(np.float32)
    at: Index = np.round(ring).astype(np.int32)
    at = np.clip(at, 0, [own.shape[1] - 1, own.shape[0] - 1])
    skin = np.median(own[at[:, 1], at[:, 0]], 0).astype(np.float32)
    light: Array = own[..., :3].mean(2, keepdims=True) / max(float(skin[:3].mean()), 1.0)
    share = rim * blurred(np.clip((light[..., 0] - 0.45) / 0.25, 0, 1), 0.7)[..., None]
    shut: Array = (own + (skin - own) * share).astype(np.float32)
    at_line = light[rim > 0.5]
    dark = own[..., :3][(rim[..., 0] > 0.5) & (light[..., 0] <= np.percentile(at_line, 20))]
    lash = np.minimum(dark.mean(0), 0.62 * skin[:3]) if len(dark) else 0.5 * skin[:3]
    return LidTexture(rows, columns, _bytes(shut), lash.astype(np.float32))


def draw_lashes(
    shape: tuple[int, ...], line: Array, lash: Array, strength: float, blur: float
) -> Stroke | None:
    """The line where shut lids meet: `line` (N, 2) px from corner to corner, in this colour.

    `shape` is the picture's; `strength` is 0-1, `blur` the picture's, in px. None where nothing of
    it is in the picture.
    """
    thick = np.sin(np.linspace(0, np.pi, len(line))) * _LASH * float(np.ptp(line[:, 0]))
    upper, lower = line.copy(), line[::-1].copy()
    upper[:, 1] -= 0.5 * thick
    lower[:, 1] += 0.5 * thick[::-1]
    outline = np.concatenate([upper, lower]).astype(np.float32)
    low = np.clip(outline.min(0).astype(int) - 3, 0, [shape[1], shape[0]])
    high = np.clip(outline.max(0).astype(int) + 4, 0, [shape[1], shape[0]])
    if (high - low).min() < 2:
        return None
    size = (int(high[1] - low[1]), int(high[0] - low[0]))
    mask = polygon_mask(outline - low.astype(np.float32), size)
    cover = blurred(mask, max(0.6, blur))[..., None] * strength
    return Stroke(int(low[0]), int(low[1]), lash, cover, darkens=True)


def draw_eye(
    layer: EyeLayer,
    shape: tuple[int, ...],
    contour: Array,
    corners: Array,
    gaze: Array,
    darken: float,
    blur: float,
) -> Stroke | None:
    """The eyeball inside the lid line `contour` (N, 2) px, for a picture of `shape`.

    `corners` (2, 2) px are those of the eye; `gaze` (2,) shifts the iris by this many half eye
    widths; `darken` 0-1 is the lid's shadow, `blur` the picture's (px). None where nothing of it is
    in the picture.
    """
    line = smooth_closed(contour, 3)
    low = np.floor(line.min(0)).astype(int) - 2
    high = np.ceil(line.max(0)).astype(int) + 3
    low = np.clip(low, 0, [shape[1], shape[0]])
    high = np.clip(high, 0, [shape[1], shape[0]])
    if (high - low).min() < 2:
        return None
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    mask = inset_mask(line - low, (size[1], size[0]), blur)[..., None]
    still, moved = layer.placed(corners, gaze, low)
    white = warped(layer.white, still, size, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE).astype(
        np.float32
    )
    iris = warped(layer.iris, moved, size, cv2.INTER_CUBIC).astype(np.float32)
    glint = warped(layer.glint, still, size, cv2.INTER_CUBIC).astype(np.float32)
    cover = iris[..., 3:] / 255
    ball = white * (1 - cover) + iris[..., :3] + glint * cover
    if darken > 0:
        ball *= 1 - darken
    return Stroke(int(low[0]), int(low[1]), ball, mask)
