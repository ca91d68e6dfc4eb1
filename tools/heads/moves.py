"""What a person does in one frame: expression, gaze and pose, drawn by chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamer.frame import Array
from tools.heads.traits import Rng

SIDES = ("Left", "Right")
_GAZE_DEG = (28.0, 20.0)
"""Turn of the eyes at a gaze of 1, across and up."""
_TURN_DEG = (17.0, 8.0, 5.0)
_MOST_DEG = (45.0, 22.0, 22.0)
_PAIRS: tuple[tuple[str, float, float], ...] = (
    ("mouthLowerDown", 0.3, 0.9), ("mouthUpperUp", 0.3, 0.8), ("mouthFrown", 0.12, 0.7),
    ("mouthStretch", 0.15, 0.7), ("browOuterUp", 0.2, 1.0), ("browDown", 0.2, 1.0),
    ("noseSneer", 0.1, 0.8),
)  # fmt: skip
_SINGLES: tuple[tuple[str, float, float], ...] = (
    ("mouthPucker", 0.15, 0.8), ("mouthFunnel", 0.15, 0.8), ("mouthLeft", 0.08, 0.5),
    ("mouthRight", 0.08, 0.5), ("jawLeft", 0.05, 0.5), ("jawRight", 0.05, 0.5),
    ("cheekPuff", 0.05, 0.7), ("browInnerUp", 0.25, 1.0),
)  # fmt: skip
_SHUT_LIPS: tuple[tuple[str, float, float], ...] = (
    ("mouthRollLower", 0.1, 0.5), ("mouthRollUpper", 0.08, 0.5),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Move:
    """One frame of a person."""

    units: dict[str, float]
    """shares of the expression's shapes, 0 to 1"""
    gaze: tuple[float, float]
    """where the eyes look: across, positive to the picture's right, and up; full at 1"""
    turn: tuple[float, float, float]
    """yaw (positive to the picture's right), pitch (positive down) and roll of the head, radians"""
    shift: tuple[float, float, float]
    """of the whole person, decimetres"""

    @property
    def eye_turn(self) -> tuple[float, float]:
        """Yaw and pitch of the eyes in the head, radians."""
        across, up = (np.radians(d) * g for d, g in zip(_GAZE_DEG, self.gaze, strict=True))
        return float(across), float(-up)


REST = Move({}, (0, 0), (0, 0, 0), (0, 0, 0))


def draw_moves(seed: int, count: int) -> list[Move]:
    """The frames of a person. The first is at ease, lips shut and eyes open: a portrait."""
    return [_drawn(np.random.default_rng([seed, 2, i]), at_ease=i == 0) for i in range(count)]


def _drawn(rng: Rng, *, at_ease: bool) -> Move:
    gaze = (float(np.clip(rng.normal(0, 0.35), -1, 1)), float(np.clip(rng.normal(0, 0.25), -1, 1)))
    calm = 0.35 if at_ease else 1.0
    turn = [
        float(np.radians(np.clip(rng.normal(0, calm * spread), -most, most)))
        for spread, most in zip(_TURN_DEG, _MOST_DEG, strict=True)
    ]
    shift = rng.normal(0, (0.12, 0.08, 0.15)) * calm
    units = _at_ease(rng) if at_ease else _expression(rng)
    gaze = (gaze[0] * calm, gaze[1] * calm)
    return Move(
        {**units, **_lids_of(gaze)},
        gaze,
        (turn[0], turn[1], turn[2]),
        (float(shift[0]), float(shift[1]), float(shift[2])),
    )


def _at_ease(rng: Rng) -> dict[str, float]:
    smile = float(np.clip(rng.normal(0.05, 0.12), 0, 0.4))
    return {f"mouthSmile{side}": smile for side in SIDES}


def _expression(rng: Rng) -> dict[str, float]:
    units: dict[str, float] = {"jawOpen": _jaw(rng)}
    smile = max(0.0, float(rng.normal(-0.1, 0.45)))
    for side in SIDES:
        units[f"mouthSmile{side}"] = smile + float(rng.normal(0, 0.06))
        units[f"cheekSquint{side}"] = 0.5 * smile if smile > 0.3 else 0.0
    for name, chance, most in _PAIRS:
        _maybe(rng, units, [name + side for side in SIDES], chance, most)
    for name, chance, most in _SINGLES:
        _maybe(rng, units, [name], chance, most)
    if units["jawOpen"] < 0.25:
        _maybe(rng, units, [f"mouthPress{side}" for side in SIDES], 0.1, 0.6)
        for name, chance, most in _SHUT_LIPS:
            _maybe(rng, units, [name], chance, most)
    _blink(rng, units)
    return {name: float(np.clip(v, 0, 1)) for name, v in units.items() if v > 1e-3}


def _jaw(rng: Rng) -> float:
    kind = rng.random()
    if kind < 0.3:
        return 0.0
    return float(rng.beta(1.5, 3)) if kind < 0.85 else float(rng.uniform(0.5, 1))


def _maybe(
    rng: Rng, units: dict[str, float], names: Sequence[str], chance: float, most: float
) -> None:
    if rng.random() < chance:
        share = float(rng.uniform(0.1, most))
        for name in names:
            units[name] = units.get(name, 0) + share + float(rng.normal(0, 0.05))


def _blink(rng: Rng, units: dict[str, float]) -> None:
    kind = rng.random()
    shut = 1.0 if kind < 0.12 else float(rng.random()) if kind < 0.25 else 0.0
    wink = kind > 0.97
    for side in SIDES:
        units[f"eyeBlink{side}"] = 1.0 if wink and side == SIDES[0] else shut
    if shut < 0.1 and not wink:
        for name, chance, most in (("eyeWide", 0.15, 0.8), ("eyeSquint", 0.2, 0.8)):
            _maybe(rng, units, [name + side for side in SIDES], chance, most)


def _lids_of(gaze: tuple[float, float]) -> dict[str, float]:
    """Lids follow the eyes."""
    across, up = gaze
    outer, inner = SIDES if across > 0 else SIDES[::-1]
    units = {f"eyeLookOut{outer}": abs(across), f"eyeLookIn{inner}": abs(across)}
    for side in SIDES:
        units[f"eyeLook{'Up' if up > 0 else 'Down'}{side}"] = abs(up)
    return units


def shares(moves: Sequence[Move], names: Sequence[str]) -> Array:
    """(f, u) the shares of the shapes, in the order of their names."""
    return np.array([[move.units.get(name, 0) for name in names] for move in moves], np.float32)
