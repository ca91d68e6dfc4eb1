"""Teeth and tongue drawn, for mouths whose picture does not show them."""

import numpy as np

from engines.geometry import Array
from engines.vision import blurred

FINE = 192
"""Pixels per mouth width in which teeth are drawn, whatever the size they are shown in."""
SIZE = (230, 268)
"""Height and width of that drawing; the lips' line is at the middle."""

_MOUTH_MM = 50.0
"""Width of a mouth at rest."""
_UPPER_MM = ((8.5, 10.5), (6.5, 9.0), (7.5, 10.0), (7.0, 8.5), (7.0, 8.5), (10.0, 7.5))
_LOWER_MM = ((5.0, 9.0), (5.5, 9.5), (7.0, 11.0), (7.0, 8.5), (7.0, 8.0), (11.0, 7.5))
"""Mean width and height of the crowns from the middle outwards (Ash, Nelson: Dental Anatomy)."""
_ARCH_MM = (27.0, 24.0)
"""Half width of the upper and lower dental arch as seen from the front."""
_UPPER_EDGE_MM, _LOWER_EDGE_MM = 2.8, 1.4
"""Edges of the incisors below the line where the lips meet, with the jaw shut."""


def upper_teeth(tone: Array, flesh: Array) -> Array:
    """(h, w, 4) premultiplied upper row in these colours, with its gum."""
    return _teeth(_UPPER_MM, _ARCH_MM[0], _UPPER_EDGE_MM, up=True, tone=tone, flesh=flesh)


def lower_teeth(tone: Array, flesh: Array) -> Array:
    """(h, w, 4) premultiplied lower row in these colours, with its gum."""
    return _teeth(_LOWER_MM, _ARCH_MM[1], _LOWER_EDGE_MM, up=False, tone=tone, flesh=flesh)


def tongue(flesh: Array) -> Array:
    """(h, w, 4) premultiplied tongue, a little below the lips' line."""
    x, y = _plane_mm()
    away = (x / 18) ** 2 + ((y - 8) / 10.5) ** 2
    cover = np.clip((1 - away) * 4, 0, 1)
    light = 0.8 - 0.22 * away - 0.10 * np.exp(-((x / 1.6) ** 2))
    colour = np.clip(flesh * 1.05, 0, 255) * np.clip(light, 0.2, 1)[..., None]
    return np.dstack([colour * cover[..., None], cover * 255]).astype(np.float32)


def _plane_mm() -> tuple[Array, Array]:
    """X and y in millimetres of every texture pixel, the lips' line at 0."""
    height, width = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    unit = _MOUTH_MM / FINE
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
    """(h, w, 4) a row of teeth with its gum, the incisors' edge `edge` mm below the lips' line."""
    x, y = _plane_mm()
    colour: Array = np.zeros((*SIZE, 3), np.float32)
    cover: Array = np.zeros(SIZE, np.float32)
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
    return np.dstack([blurred(colour, 0.8), blurred(cover, 0.8) * 255])
