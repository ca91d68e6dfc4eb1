"""The inside of the mouth: upper teeth on the skull, lower ones and tongue on the jaw, dark behind.

The picture's own teeth are used where it shows them; the rest is drawn, in the picture's colours.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from engines.features import lip_gaps
from engines.geometry import (
    LIP_CORNERS,
    LIP_LOWER,
    LIP_UPPER,
    Array,
    Pose,
    eyes,
    lip_contour,
)
from engines.layers import Stroke, inset_mask, polygon_mask, smooth_closed
from engines.teeth import FINE, SIZE, lower_teeth, tongue, upper_teeth
from engines.vision import Image, blurred, eroded, resized, square, warped

_IVORY = np.array([1.03, 1.0, 0.90], np.float32)
_DEEPER = 3.0
"""How much darker a wide open mouth is, per mouth width beyond a quarter: one sees deeper in."""
_BEHIND = 0.03
"""Depth of the front teeth behind the lips, in face widths."""
_WIDE_GAP = 0.35
"""Lip gap from which the lower half of what the mouth shows belongs to the jaw."""
_OWN_TEETH_GAP = 0.045
"""Lip gap, in mouth widths, from which the picture's own mouth is used."""


@dataclass(frozen=True, slots=True)
class MouthLayer:
    """Textures of the mouth's inside, all in one plane, the lips' line at half their height."""

    upper: Image
    """(h, w, 4) premultiplied: fixed to the skull"""
    lower: Image
    """(h, w, 4) premultiplied: fixed to the jaw"""
    tongue: Image
    """(h, w, 4) premultiplied: goes with the jaw, deeper"""
    cavity: Array
    """(3,) colour of the dark behind"""
    centre: Array
    """(3,) middle of the plane in the head frame: where the lips meet"""
    width: float
    """mouth width in face widths"""
    px: float
    """texture pixels per mouth width"""


def mouth_layer(
    picture: Image, landmarks: Array, pose: Pose, face: tuple[Array, Array], px: float
) -> MouthLayer:
    """The mouth of a picture, with textures of `px` pixels per mouth width.

    `landmarks` (478, 3) in pixels; `face` is the same (468, 3) in the head frame, as it is and with
    closed lips.
    """
    rest, shut = face
    width = float(np.linalg.norm(rest[61] - rest[291]))
    centre = shut[[13, 14]].mean(0) + np.array([0, 0, _BEHIND], np.float32)
    centre[0] = shut[list(LIP_CORNERS), 0].mean()
    tone, flesh = _colours(picture, landmarks)
    layer = MouthLayer(
        upper=_sized(upper_teeth(tone, flesh), px),
        lower=_sized(lower_teeth(tone * 0.88, flesh), px),
        tongue=_sized(tongue(flesh), px),
        cavity=(flesh * 0.58).astype(np.float32),
        centre=centre.astype(np.float32),
        width=width,
        px=px,
    )
    gap = float(lip_gaps(rest)[4]) / width
    return layer if gap < _OWN_TEETH_GAP else _with_own(layer, picture, landmarks, pose, face)


def _sized(drawing: Array, px: float) -> Image:
    size = (max(8, round(SIZE[1] * px / FINE)), max(8, round(SIZE[0] * px / FINE)))
    return _bytes(resized(drawing, size))


def _bytes(values: Array) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def _colours(picture: Image, landmarks: Array) -> tuple[Array, Array]:
    """Colour of teeth and of flesh in this picture's light: that of its teeth, eyes or skin."""
    size = float(np.linalg.norm(landmarks[61] - landmarks[291]))
    skin = np.mean([_around(picture, landmarks[i], size * 0.12) for i in (50, 280, 205, 425)], 0)
    lip = np.mean([_around(picture, landmarks[i], size * 0.05) for i in (17, 15, 0, 11)], 0)
    colour = float(np.clip((skin.max() - skin.min()) / max(float(skin.max()), 1.0) / 0.12, 0, 1))
    mouth = _brightest(picture, landmarks[lip_contour(), :2], size, 70)
    whites = [_brightest(picture, landmarks[eye.contour, :2], size, 85) for eye in eyes()]
    usual = np.clip(1.08 * skin.mean() + 14, 55, 205) * _IVORY
    best = usual * 0.9
    for seen, share in ((mouth, 1.0), (whites[0], 0.95), (whites[1], 0.95)):
        if seen is not None and seen.mean() * share > best.mean() and _is_pale(seen, skin):
            best = seen * share
    best = best * (0.7 + 0.3 * skin / max(float(skin.mean()), 1.0))
    tone = best.mean() + (best - best.mean()) * colour
    return np.clip(tone, 0, 225).astype(np.float32), _flesh(lip, colour)


def _is_pale(colour: Array, skin: Array) -> bool:
    """Less saturated than this picture's skin: enamel or the white of an eye."""
    return bool(
        np.ptp(colour) / colour.max() < 0.85 * np.ptp(skin) / max(float(skin.max()), 1.0) + 0.04
    )


def _brightest(picture: Image, contour: Array, size: float, percent: float) -> Array | None:
    """Mean colour of the brighter pixels inside a contour; None when it holds too few."""
    rows, columns = (
        slice(int(max(a, 0)), int(b) + 2)
        for a, b in zip(contour.min(0)[::-1], contour.max(0)[::-1], strict=True)
    )
    part = picture[rows, columns]
    mask = polygon_mask(contour - [columns.start, rows.start], (part.shape[0], part.shape[1])) > 0.9
    inside = part[mask].astype(np.float32)
    if len(inside) < max(12.0, 0.004 * size * size):
        return None
    level = inside.min(1)
    return inside[level >= np.percentile(level, percent)].mean(0)


def _flesh(lip: Array, colour: float) -> Array:
    """The lips' colour, deeper, for gums, tongue and the dark; grey in a picture of `colour` 0."""
    deep = lip * np.array([1.0, 0.72, 0.74], np.float32)
    return (deep.mean() + (deep - deep.mean()) * colour).astype(np.float32)


def _around(picture: Image, point: Array, radius: float) -> Array:
    x, y, r = int(point[0]), int(point[1]), max(1, int(radius))
    part = picture[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1].reshape(-1, 3)
    return np.median(part, 0) if len(part) else np.array([150.0, 110.0, 95.0])


def _with_own(
    layer: MouthLayer, picture: Image, landmarks: Array, pose: Pose, face: tuple[Array, Array]
) -> MouthLayer:
    """Lay the picture's own teeth over the drawn ones."""
    rest, shut = face
    height, width = layer.upper.shape[:2]
    matrix = _to_picture(layer, pose.rotation, pose.translation, pose.scale, 0.0)
    own = warped(picture, matrix, (width, height), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    inverse = cv2.invertAffineTransform(matrix)
    contour = smooth_closed(landmarks[lip_contour(), :2])
    in_plane = contour @ inverse[:, :2].T + inverse[:, 2]
    mask = polygon_mask(in_plane.astype(np.float32), (height, width))
    rim = max(1, round(layer.px * 0.015))
    shown = own[mask > 0.5].min(1) if (mask > 0.5).any() else np.array([255.0])
    pale = own.min(2) / max(float(np.percentile(shown, 85)), 1.0)
    mask = mask * np.clip((blurred(pale.astype(np.float32), 1.0) - 0.4) / 0.2, 0, 1)
    mask = blurred(eroded(mask, square(2 * rim + 1)), 0.6 * rim)
    gap = float((landmarks[list(LIP_LOWER), 1] - landmarks[list(LIP_UPPER), 1])[4]) / (
        layer.width * pose.scale
    )
    below = np.zeros((height, 1), np.float32)
    drop = float(shut[152, 1] - rest[152, 1])
    if gap > _WIDE_GAP:
        ys = in_plane[:, 1]
        split = ys.min() + 0.55 * (ys.max() - ys.min())
        below = np.clip(
            (np.arange(height, dtype=np.float32)[:, None] - split) / (0.06 * layer.px) + 0.5, 0, 1
        )
    lower_shift = np.array([[1, 0, 0], [0, 1, drop / layer.width * layer.px]], np.float32)
    lower_mask = warped(mask * below, lower_shift, (width, height))
    lower_own = warped(own, lower_shift, (width, height))
    return replace(
        layer,
        upper=_over(layer.upper, own, mask * (1 - below)),
        lower=_over(layer.lower, lower_own, lower_mask),
    )


def _over(base: Image, own: Image, mask: Array) -> Image:
    top = (
        np.dstack([own.astype(np.float32), np.full(mask.shape, 255, np.float32)]) * mask[..., None]
    )
    return _bytes(top + base.astype(np.float32) * (1 - mask[..., None]))


def _to_picture(
    layer: MouthLayer, rotation: Array, translation: Array, scale: float, drop: float
) -> Array:
    """(2, 3) affine map from texture to picture pixels: a plane of the head, seen from afar."""
    unit = layer.width / layer.px
    height, width = layer.upper.shape[:2]
    start = layer.centre + np.array(
        [-(width - 1) / 2 * unit, -(height - 1) / 2 * unit + drop, 0], np.float32
    )
    axes = rotation[:2, :2] * (unit * scale)
    return np.column_stack([axes, scale * rotation[:2] @ start + translation[:2]]).astype(
        np.float32
    )


def draw_mouth(
    layer: MouthLayer,
    shape: tuple[int, ...],
    contour: Array,
    head: tuple[Array, Array, float],
    jaw: float,
    blur: float,
) -> Stroke | None:
    """The mouth's inside within the inner lip line `contour` (20, 2) px, for a picture of `shape`.

    `head` is rotation (3, 3), translation (3,) px and scale of the head; `jaw` its drop in face
    widths, `blur` the picture's (px). None where nothing of it is in the picture.
    """
    line = smooth_closed(contour, 3)
    low = np.clip(np.floor(line.min(0)).astype(int) - 2, 0, [shape[1], shape[0]])
    high = np.clip(np.ceil(line.max(0)).astype(int) + 3, 0, [shape[1], shape[0]])
    if (high - low).min() < 2:
        return None
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    mask = inset_mask(line - low, (size[1], size[0]), blur)
    scene = np.empty((size[1], size[0], 3), np.float32)
    opening = float(np.ptp(contour[:, 1])) / (layer.width * head[2])
    scene[:] = layer.cavity / (1 + _DEEPER * max(0.0, opening - 0.25))
    rotation, translation, scale = head
    for texture, drop, light in (
        (layer.tongue, 0.85 * jaw, 0.9),
        (layer.lower, jaw, 1.0),
        (layer.upper, 0.0, 1.0),
    ):
        matrix = _to_picture(layer, rotation, translation, scale, drop)
        matrix[:, 2] -= low
        rgba = warped(texture, matrix, size).astype(np.float32)
        scene = scene * (1 - rgba[..., 3:] / 255) + rgba[..., :3] * light
    if blur > 0.7:
        scene = blurred(scene, blur)
    reach = max(1.0, 0.04 * layer.width * scale)
    under_lip = np.array([[1, 0, 0], [0, 1, reach]], np.float32)
    soft = blurred(warped(mask, under_lip, size), reach)
    shade = np.clip(1.3 * soft - 0.15, 0.4, 1)[..., None]
    return Stroke(int(low[0]), int(low[1]), scene * shade, mask[..., None])
