"""Lips that meet and lids that close: both are placed by the gap they shall have.

Every function takes face points (..., 468, 3) in the head frame and returns new ones.
"""

import numpy as np

from engines.geometry import (
    LIP_LOWER,
    LIP_RINGS_LOWER,
    LIP_RINGS_UPPER,
    LIP_UPPER,
    Array,
    Eye,
    canonical,
    eyes,
)

_LIP_SHARES = (1.0, 0.75, 0.4, 0.15)
"""How far the rows of a lip follow its inner rim, from the rim outwards."""
_UPPER_PART = 0.3
"""Part of an open mouth that the upper lip closes; the jaw does the rest."""
_RING_SHARE = 0.45
"""How far the fold around the eye follows the lid."""
_LOWER_LID_RISE = 0.15
_LID_OVERLAP = 0.3
"""How far a shut upper lid passes the lower one, in heights of the open eye: hides the white."""
_LID_FRONT = 0.008
"""How far a shut upper lid lies in front of the lower one, in face widths."""
_MIDDLE = 4


def _profile() -> Array:
    x = np.linspace(-0.85, 0.85, len(LIP_UPPER))
    return (1 - x**2).astype(np.float32)


def jaw_mask() -> Array:
    """(468,) how far each point goes with the jaw: 1 on the chin, 0 above the mouth's line."""
    flat = canonical().points[:, :2]
    lip = float(canonical().points[14, 1])
    down = np.clip((flat[:, 1] - lip + 0.1) / 0.16, 0, 1)
    side = np.clip(1.25 - np.abs(flat[:, 0]) / 0.42, 0, 1)
    mask = down * down * (3 - 2 * down) * side
    mask[list(LIP_LOWER)] = 1
    mask[list(LIP_UPPER)] = 0
    for row, share in zip(LIP_RINGS_UPPER, (0.0, 0.0, 0.0), strict=True):
        mask[list(row)] = share
    mask[[61, 291, 78, 308, 62, 292, 76, 306]] = 0.4
    return mask.astype(np.float32)


def lip_gaps(points: Array) -> Array:
    """(..., 9) signed vertical distance of the lip pairs, lower below upper > 0."""
    return points[..., LIP_LOWER, 1] - points[..., LIP_UPPER, 1]


def closed_lips(points: Array) -> Array:
    """The same face (468, 3) with its mouth shut: the jaw rises, the lips meet."""
    gaps = np.maximum(lip_gaps(points), 0)
    shut = points.copy()
    rise = (1 - _UPPER_PART) * float(gaps[_MIDDLE])
    shut[:, 1] -= jaw_mask() * rise
    return place_lips(shut, np.zeros((), np.float32))


def inside_lips(points: Array) -> Array:
    """The same face (468, 3) with the rims of open lips a little inside the lips.

    Taken as the place of their colours in the photo it keeps teeth off the lips when they meet:
    landmarks lie on the edge at best.
    """
    gaps = np.maximum(lip_gaps(points), 0)
    width = float(np.linalg.norm(points[61] - points[291]))
    inset = np.minimum(0.25 * gaps, 0.035 * width)
    moved = points.copy()
    for row, share in zip((LIP_UPPER, *LIP_RINGS_UPPER), (1.0, 0.5, 0.1, 0.0), strict=True):
        moved[row, 1] -= share * inset
    for row, share in zip((LIP_LOWER, *LIP_RINGS_LOWER), (1.0, 0.5, 0.1, 0.0), strict=True):
        moved[row, 1] += share * inset
    return moved


def place_lips(points: Array, gap: Array) -> Array:
    """Give the inner lips this distance (...,) at their middle; at 0 every pair meets."""
    current = np.maximum(lip_gaps(points), 0)
    middle = current[..., _MIDDLE]
    factor = np.minimum(gap / np.maximum(middle, 1e-6), 1.5)
    wanted = current * factor[..., None] + (gap - middle * factor)[..., None] * _profile()
    signed = lip_gaps(points)
    change = (wanted - signed) / 2
    placed = points.copy()
    for row, share in zip((LIP_UPPER, *LIP_RINGS_UPPER), _LIP_SHARES, strict=True):
        placed[..., row, 1] -= share * change
    for row, share in zip((LIP_LOWER, *LIP_RINGS_LOWER), _LIP_SHARES, strict=True):
        placed[..., row, 1] += share * change
    return placed


def place_lids(points: Array, own: Array, openness: Array) -> Array:
    """Open each eye `openness` (..., 2) times as far as it is in `own` (468, 3); 0 shuts it."""
    placed = points.copy()
    for side, eye in enumerate(eyes()):
        _place_eye(placed, own, openness[..., side], eye)
    return placed


def _place_eye(placed: Array, own: Array, openness: Array, eye: Eye) -> None:
    upper, lower = placed[..., eye.upper, 1], placed[..., eye.lower, 1]
    own_gap = np.maximum(own[eye.lower, 1] - own[eye.upper, 1], 0)
    gap = openness[..., None] * own_gap
    excess = (lower - upper) - gap
    closing = np.clip(1 - openness, 0, 1)[..., None]
    new_lower = lower - _LOWER_LID_RISE * excess
    new_upper = new_lower - gap + _LID_OVERLAP * closing**3 * own_gap
    fold = _RING_SHARE * (new_upper - upper)
    under = _RING_SHARE * (new_lower - lower)
    placed[..., eye.upper, 1] = new_upper
    placed[..., eye.lower, 1] = new_lower
    placed[..., eye.upper_ring, 1] += fold
    placed[..., eye.lower_ring, 1] += under
    z = (placed[..., eye.upper, 2] + placed[..., eye.lower, 2]) / 2
    placed[..., eye.upper, 2] += closing * (z - _LID_FRONT - placed[..., eye.upper, 2])
    placed[..., eye.lower, 2] += closing * (z - placed[..., eye.lower, 2])
