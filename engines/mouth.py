"""The inside of the mouth: upper teeth on the skull, lower teeth and tongue on the jaw, dark behind.

The picture's own teeth are used where it shows them; the rest is drawn, in the colours of the picture.
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
    Index,
    Pose,
    eyes,
    lip_contour,
)
from engines.layers import Image, inset_mask, polygon_mask, smooth_closed

_MOUTH_MM = 50.0
"""Width of a mouth at rest."""
_UPPER_MM = ((8.5, 10.5), (6.5, 9.0), (7.5, 10.0), (7.0, 8.5), (7.0, 8.5), (10.0, 7.5))
_LOWER_MM = ((5.0, 9.0), (5.5, 9.5), (7.0, 11.0), (7.0, 8.5), (7.0, 8.0), (11.0, 7.5))
"""Mean width and height of the crowns from the middle outwards (Ash and Nelson, Wheeler's Dental Anatomy)."""
_ARCH_MM = (27.0, 24.0)
"""Half width of the upper and lower dental arch as seen from the front."""
_UPPER_EDGE_MM, _LOWER_EDGE_MM = 2.8, 1.4
"""Edges of the incisors below the line where the lips meet, with the jaw shut."""
_IVORY = np.array([1.03, 1.0, 0.90], np.float32)
_BEHIND = 0.03
"""Depth of the front teeth behind the lips, in face widths."""
_WIDE_GAP = 0.35
"""Lip gap from which the lower half of what the mouth shows belongs to the jaw."""
_OWN_TEETH_GAP = 0.045
"""Lip gap, in mouth widths, from which the picture's own mouth is used."""
_FINE = 192
"""Pixels per mouth width in which teeth are drawn before they are brought to the size they are shown in."""
_SIZE = (230, 268)
"""Height and width of that drawing; the lips' line is at the middle."""


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

    `landmarks` (478, 3) in pixels; `face` is the same (468, 3) in the head frame, as it is and with closed lips.
    """
    rest, shut = face
    width = float(np.linalg.norm(rest[61] - rest[291]))
    centre = shut[[13, 14]].mean(0) + np.array([0, 0, _BEHIND], np.float32)
    centre[0] = shut[list(LIP_CORNERS), 0].mean()
    tone, flesh = _colours(picture, landmarks)
    upper = _teeth(_UPPER_MM, _ARCH_MM[0], _UPPER_EDGE_MM, up=True, tone=tone, flesh=flesh)
    lower = _teeth(_LOWER_MM, _ARCH_MM[1], _LOWER_EDGE_MM, up=False, tone=tone * 0.88, flesh=flesh)
    layer = MouthLayer(
        upper=_sized(upper, px),
        lower=_sized(lower, px),
        tongue=_sized(_tongue(flesh), px),
        cavity=(flesh * 0.42).astype(np.float32),
        centre=centre.astype(np.float32),
        width=width,
        px=px,
    )
    gap = float(lip_gaps(rest)[4]) / width
    return layer if gap < _OWN_TEETH_GAP else _with_own(layer, picture, landmarks, pose, face)


def _sized(drawing: Array, px: float) -> Image:
    size = (max(8, round(_SIZE[1] * px / _FINE)), max(8, round(_SIZE[0] * px / _FINE)))
    return _bytes(np.asarray(cv2.resize(drawing, size, interpolation=cv2.INTER_AREA)))


def _bytes(values: Array) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def _colours(picture: Image, landmarks: Array) -> tuple[Array, Array]:
    """Colour of teeth and of flesh in this picture's light, which is read off its own teeth, eyes or skin."""
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
    return bool(np.ptp(colour) / colour.max() < 0.85 * np.ptp(skin) / max(float(skin.max()), 1.0) + 0.04)


def _brightest(picture: Image, contour: Array, size: float, percent: float) -> Array | None:
    """Mean colour of the brighter pixels inside a contour; None when it holds too few."""
    rows, columns = (slice(int(max(a, 0)), int(b) + 2) for a, b in zip(contour.min(0)[::-1], contour.max(0)[::-1], strict=True))
    part = picture[rows, columns]
    mask = polygon_mask(contour - [columns.start, rows.start], (part.shape[0], part.shape[1])) > 0.9
    inside = part[mask].astype(np.float32)
    if len(inside) < max(12.0, 0.004 * size * size):
        return None
    level = inside.min(1)
    return inside[level >= np.percentile(level, percent)].mean(0)


def _flesh(lip: Array, colour: float) -> Array:
    """The lips' colour, deeper, for gums, tongue and the dark behind; grey in a grey picture (`colour` 0)."""
    deep = lip * np.array([1.0, 0.72, 0.74], np.float32)
    return (deep.mean() + (deep - deep.mean()) * colour).astype(np.float32)


def _eye_white(picture: Image, landmarks: Array, contour: Index) -> float:
    """Brightness of an eye's white."""
    points = landmarks[contour, :2]
    mask = polygon_mask(points, (picture.shape[0], picture.shape[1])) > 0.5
    inside = picture[mask]
    return float(np.percentile(inside.mean(1), 80)) if len(inside) > 8 else 0.0


def _around(picture: Image, point: Array, radius: float) -> Array:
    x, y, r = int(point[0]), int(point[1]), max(1, int(radius))
    part = picture[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1].reshape(-1, 3)
    return np.median(part, 0) if len(part) else np.array([150.0, 110.0, 95.0])


def _plane_mm() -> tuple[Array, Array]:
    """x and y in millimetres of every texture pixel, the lips' line at 0."""
    height, width = _SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    unit = _MOUTH_MM / _FINE
    return (x - (width - 1) / 2) * unit, (y - (height - 1) / 2) * unit


def _teeth(
    crowns: tuple[tuple[float, float], ...],
    arch: float,
    edge: float,
    *,
    up: bool,
    tone: Array,
    flesh: Array,
) -> Array:
    """(h, w, 4) premultiplied row of teeth with its gum, the incisors' edge `edge` mm below the lips' line."""
    x, y = _plane_mm()
    colour = np.zeros((*_SIZE, 3), np.float32)
    cover = np.zeros(_SIZE, np.float32)
    gum = np.clip(flesh * (0.85 if up else 0.5), 0, 255)
    root = -1.0 if up else 1.0
    gum_line = edge + root * (crowns[0][1] - 1.0)
    band = np.clip((root * (y - gum_line) + 1.5) / 1.5, 0, 1) * np.clip(
        9 - root * (y - gum_line), 0, 1
    )
    band *= np.clip((arch - np.abs(x)) / 3, 0, 1)
    colour += band[..., None] * gum * (1 - 0.35 * np.clip(np.abs(x) / arch, 0, 1))[..., None]
    cover = np.maximum(cover, band)
    along = 0.0
    for wide, tall in crowns:
        start, along = along, along + wide
        left, right = (
            arch * np.sin(min(s / arch, np.pi / 2) * 0.98) for s in (start - 0.15, along + 0.15)
        )
        for side in (-1, 1):
            middle, half = side * (left + right) / 2, max((right - left) / 2, 0.4)
            lift = 0.012 * middle**2
            dx = (x - middle) / half
            dy = (y - (edge + root * tall / 2 - lift)) / (tall / 2)
            shape = np.clip((1 - (np.abs(dx) ** 4 + np.abs(dy) ** 6)) * half * 1.4, 0, 1)
            shade = 1 - 0.16 * dx**2 - 0.25 * np.abs(dx) ** 9 - 0.10 * np.clip(root * dy, 0, 1) ** 2
            shade *= 1 - 0.62 * (abs(middle) / arch) ** 2
            shade *= 1 - (0.12 if up else 0.5) * np.clip(0.5 + 0.5 * root * dy, 0, 1)
            enamel = np.clip(tone * shade[..., None], 0, 255)
            enamel[..., 2] *= 1 - 0.06 * np.clip(root * dy, 0, 1)
            colour = colour * (1 - shape[..., None]) + enamel * shape[..., None]
            cover = np.maximum(cover, shape)
    return np.dstack(
        [cv2.GaussianBlur(colour, (0, 0), 0.8), cv2.GaussianBlur(cover, (0, 0), 0.8) * 255]
    )


def _tongue(flesh: Array) -> Array:
    x, y = _plane_mm()
    away = (x / 18) ** 2 + ((y - 8) / 10.5) ** 2
    cover = np.clip((1 - away) * 4, 0, 1)
    light = 0.8 - 0.22 * away - 0.10 * np.exp(-((x / 1.6) ** 2))
    colour = (
        np.clip(flesh * 1.05, 0, 255) * np.clip(light, 0.2, 1)[..., None]
    )
    return np.dstack([colour * cover[..., None], cover * 255])


def _with_own(
    layer: MouthLayer, picture: Image, landmarks: Array, pose: Pose, face: tuple[Array, Array]
) -> MouthLayer:
    """Lay the picture's own teeth over the drawn ones."""
    rest, shut = face
    height, width = layer.upper.shape[:2]
    matrix = _to_picture(layer, pose.rotation, pose.translation, pose.scale, 0.0)
    own = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    inverse = cv2.invertAffineTransform(matrix)
    contour = smooth_closed(landmarks[lip_contour(), :2])
    in_plane = contour @ inverse[:, :2].T + inverse[:, 2]
    mask = polygon_mask(in_plane.astype(np.float32), (height, width))
    rim = max(1, round(layer.px * 0.015))
    shown = own[mask > 0.5].min(1) if (mask > 0.5).any() else np.array([255.0])
    pale = own.min(2) / max(float(np.percentile(shown, 85)), 1.0)
    mask = mask * np.clip((cv2.GaussianBlur(pale.astype(np.float32), (0, 0), 1.0) - 0.4) / 0.2, 0, 1)
    mask = cv2.GaussianBlur(
        cv2.erode(mask, np.ones((2 * rim + 1,) * 2, np.uint8)), (0, 0), 0.6 * rim
    )
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
    lower_shift = np.float32([[1, 0, 0], [0, 1, drop / layer.width * layer.px]])
    lower_mask = cv2.warpAffine(mask * below, lower_shift, (width, height))
    lower_own = cv2.warpAffine(own, lower_shift, (width, height))
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
    """(2, 3) affine map from texture pixels to the picture: a plane of the head, seen in weak perspective."""
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
    target: Image,
    layer: MouthLayer,
    contour: Array,
    head: tuple[Array, Array, float],
    jaw: float,
    blur: float,
) -> None:
    """Draw the mouth's inside into `target` within the inner lip line `contour` (20, 2) px.

    `head` is rotation (3, 3), translation (3,) px and scale of the head; `jaw` its drop in face widths, `blur` the
    picture's (px).
    """
    line = smooth_closed(contour, 3)
    low = np.clip(np.floor(line.min(0)).astype(int) - 2, 0, [target.shape[1], target.shape[0]])
    high = np.clip(np.ceil(line.max(0)).astype(int) + 3, 0, [target.shape[1], target.shape[0]])
    if (high - low).min() < 2:
        return
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    mask = inset_mask(line - low, (size[1], size[0]), blur)
    scene = np.empty((size[1], size[0], 3), np.float32)
    scene[:] = layer.cavity
    rotation, translation, scale = head
    for texture, drop, light in (
        (layer.tongue, 0.85 * jaw, 0.9),
        (layer.lower, jaw, 1.0),
        (layer.upper, 0.0, 1.0),
    ):
        matrix = _to_picture(layer, rotation, translation, scale, drop)
        matrix[:, 2] -= low
        rgba = cv2.warpAffine(
            texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        rgba = rgba.astype(np.float32)
        scene = scene * (1 - rgba[..., 3:] / 255) + rgba[..., :3] * light
    if blur > 0.7:
        scene = cv2.GaussianBlur(scene, (0, 0), blur)
    reach = max(1.0, 0.04 * layer.width * scale)
    under_lip = np.array([[1, 0, 0], [0, 1, reach]], np.float32)
    soft = cv2.GaussianBlur(cv2.warpAffine(mask, under_lip, size), (0, 0), reach)
    shade = np.clip(1.3 * soft - 0.15, 0.4, 1)[..., None]
    part = target[low[1] : high[1], low[0] : high[0]]
    part[:] = np.clip(part + (scene * shade - part) * mask[..., None] + 0.5, 0, 255).astype(
        np.uint8
    )
