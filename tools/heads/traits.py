"""Who a synthetic person is, drawn by chance from a seed."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tools.heads.assets import Assets

Rng = np.random.Generator
Colour = tuple[float, float, float]
"""RGB, 0 to 255, as on a screen"""

_HAIR: tuple[Colour, ...] = (
    (28, 22, 20), (50, 34, 24), (85, 55, 34), (120, 82, 48), (165, 128, 84),
    (192, 164, 122), (130, 60, 30), (128, 125, 122), (180, 177, 173),
)  # fmt: skip
_USUAL = (0.28, 0.2, 0.16, 0.1, 0.08, 0.05, 0.05, 0.05, 0.03)
_OLD = (0.12, 0.1, 0.1, 0.06, 0.04, 0.03, 0.02, 0.3, 0.23)
_DARK = (0.55, 0.25, 0.06, 0.02, 0.01, 0.005, 0.01, 0.06, 0.035)
_MENS = {"short01": 4, "short02": 4, "short04": 1, "ponytail01": 1}
_WOMENS = {"long01": 4, "ponytail01": 4, "braid01": 1, "short02": 2}
_STYLES = {"photo": 0.8, "painting": 0.2}


@dataclass(frozen=True, slots=True)
class Traits:
    """What stays the same in all frames of a person."""

    seed: int
    gender: float
    """0 female to 1 male"""
    age: float
    """0 young adult to 1 old"""
    ancestry: Colour
    """shares of the three poles that the average meshes have; no statement about anybody"""
    muscle: float
    weight: float
    hair: str
    """name of the mesh; empty: cropped"""
    crop: float
    """length of cropped hair and of the hair under a mesh, 0 bald to 1"""
    hair_colour: Colour
    brow: str
    lash: str
    teeth: str
    iris: str
    cloth: str
    """name of the mesh; empty: a plain shirt"""
    cloth_colour: Colour
    beard: float
    """0 shaven to 1 full"""
    beard_length: float
    """decimetres"""
    glasses: str
    """shape of the frames; empty: none"""
    glasses_colour: Colour
    tint: float
    """opacity of the lenses"""
    freckles: float
    lipstick: float
    blotches: float
    pores: float
    tone: Colour
    """factors of the skin's colour"""
    rough: float
    shine: float
    style: str
    """photo or painting"""


def whole_lot(rng: Rng, low: int, high: int | None = None) -> int:
    """A whole number from `low` to below `high`, or from 0 to below `low`."""
    return int(cast("Any", rng).integers(low, high))


def draw_traits(assets: Assets, seed: int) -> Traits:
    """The person of a seed."""
    rng = np.random.default_rng([seed, 0])
    gender = _gender(rng)
    male, age = gender > 0.5, float(rng.beta(1.6, 2.4))
    ancestry = tuple(float(v) for v in rng.dirichlet([0.55] * 3))
    light = ancestry[2]
    hair = _hair(rng, male=male, age=age)
    beard = float(rng.uniform(0.15, 1)) if male and rng.random() < 0.5 else 0.0
    full = beard > 0.5 and rng.random() < 0.7
    return Traits(
        seed=seed,
        gender=gender,
        age=age,
        ancestry=(ancestry[0], ancestry[1], ancestry[2]),
        muscle=float(rng.random()),
        weight=float(np.clip(rng.normal(0.5, 0.22), 0, 1)),
        hair=hair,
        crop=float(rng.uniform(0, 1)) if not hair else 1.0,
        hair_colour=_hair_colour(rng, age, light),
        brow=f"brow{whole_lot(rng, 1, 13)}",
        lash=f"lash{whole_lot(rng, 1, 5)}",
        teeth=f"teeth{rng.choice([0, 1, 3, 2], p=[0.45, 0.35, 0.15, 0.05])}",
        iris=_iris(assets, rng, light),
        cloth=_cloth(assets, rng, male=male),
        cloth_colour=_cloth_colour(rng),
        beard=beard,
        beard_length=float(rng.uniform(0.04, 0.13)) if full else 0.0,
        glasses=str(rng.choice(["round", "wide", "square"])) if rng.random() < 0.22 else "",
        glasses_colour=_frame_colour(rng),
        tint=float(rng.choice([0.03, 0.06, 0.35], p=[0.5, 0.4, 0.1])),
        freckles=float(rng.uniform(0.2, 1)) if rng.random() < 0.3 else 0.0,
        lipstick=float(rng.uniform(0, 0.12 if male else 0.5)),
        blotches=float(rng.uniform(0.3, 1.2)),
        pores=float(rng.uniform(0.012, 0.03)),
        tone=_tone(rng),
        rough=float(rng.uniform(0.42, 0.6)),
        shine=float(rng.uniform(0.35, 0.9)),
        style=str(rng.choice(list(_STYLES), p=list(_STYLES.values()))),
    )


def _gender(rng: Rng) -> float:
    near = 0.05 * float(rng.random())
    kind = rng.random()
    if kind < 0.47:
        return near
    return 1 - near if kind < 0.94 else float(rng.random())


def _hair(rng: Rng, *, male: bool, age: float) -> str:
    if rng.random() < (0.25 + 0.3 * age if male else 0.05):
        return ""
    choice = _MENS if male else _WOMENS
    share = np.array(list(choice.values()))
    return str(rng.choice(list(choice), p=share / share.sum()))


def _hair_colour(rng: Rng, age: float, light: float) -> Colour:
    share = np.array(_DARK if light < 0.35 else _OLD if age > 0.75 else _USUAL)
    base = _HAIR[int(rng.choice(len(_HAIR), p=share / share.sum()))]
    r, g, b = (float(np.clip(c * rng.uniform(0.85, 1.15), 0, 255)) for c in base)
    return r, g, b


def _iris(assets: Assets, rng: Rng, light: float) -> str:
    names = assets.named("eye_")
    if light < 0.5:
        names = [name for name in names if "brown" in name] or names
    return str(rng.choice(names))


def _cloth(assets: Assets, rng: Rng, *, male: bool) -> str:
    fitting = [
        name for name in assets.worn if name.startswith("cloth_") and ("female" in name) is not male
    ]
    return str(rng.choice(fitting)) if fitting and rng.random() < 0.7 else ""


def _cloth_colour(rng: Rng) -> Colour:
    grey, spread = rng.uniform(15, 225), rng.choice([4, 12, 30])
    r, g, b = (float(v) for v in np.clip(grey + rng.normal(0, 1, 3) * spread, 5, 240))
    return r, g, b


def _frame_colour(rng: Rng) -> Colour:
    dark: Colour = (18, 17, 17)
    choices: tuple[Colour, ...] = (dark, dark, (70, 42, 24), (150, 130, 80), (30, 45, 90))
    return choices[whole_lot(rng, len(choices))]


def _tone(rng: Rng) -> Colour:
    bright = rng.uniform(0.82, 1.12)
    green, blue = rng.normal(1, 0.03), rng.normal(1, 0.045)
    return float(bright), float(bright * green), float(bright * blue)
