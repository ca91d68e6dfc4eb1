"""The head of a person: shapes of the assets, mixed as the traits and chance have it."""

import numpy as np

from streamer.frame import Array
from tools.heads.assets import Assets
from tools.heads.raster import Triangles
from tools.heads.traits import Rng, Traits

_STRENGTH, _MODES = 0.4, 0.9
"""How far details stray from the average: 1 gives caricatures."""
_CAREFUL = {
    "trans": 0.5, "age": 0.6, "fat": 0.6, "eye-push": 0.3,
    "mouth-trans": 0.3, "neck-trans": 0.3, "head-trans": 0.3,
}  # fmt: skip
_POLES = ("african", "asian", "caucasian")


def head_of(assets: Assets, traits: Traits) -> Array:
    """(v, 3) the vertices of the person's head at rest."""
    rng = np.random.default_rng([traits.seed, 1])
    vertices = assets.average.copy()
    _macro(assets, traits, vertices)
    _details(assets, rng, vertices)
    if assets.modes is not None:
        which, modes = assets.modes
        share = np.clip(rng.normal(size=len(modes)) * _MODES, -2.2, 2.2).astype(np.float32)
        vertices[which] += np.tensordot(share, modes, 1).astype(np.float32)
    return vertices


def add_shape(assets: Assets, vertices: Array, name: str, share: float) -> None:
    """Move the vertices by a share of a shape; nothing where the assets do not have it."""
    shape = assets.shapes.get(name)
    if shape is not None and abs(share) > 1e-4:
        which, far = shape
        vertices[which] += far * np.float32(share)


def _macro(assets: Assets, traits: Traits, vertices: Array) -> None:
    muscles = _levels(traits.muscle, ("minmuscle", "averagemuscle", "maxmuscle"))
    weights = _levels(traits.weight, ("minweight", "averageweight", "maxweight"))
    for sex, of_sex in (("female", 1 - traits.gender), ("male", traits.gender)):
        for age, of_age in (("young", 1 - traits.age), ("old", traits.age)):
            share = of_sex * of_age
            for pole, of_pole in zip(_POLES, traits.ancestry, strict=True):
                add_shape(assets, vertices, f"macrodetails/{pole}-{sex}-{age}", share * of_pole)
            for muscle, of_muscle in muscles.items():
                for weight, of_weight in weights.items():
                    name = f"macrodetails/universal-{sex}-{age}-{muscle}-{weight}"
                    add_shape(assets, vertices, name, share * of_muscle * of_weight)


def _levels(x: float, names: tuple[str, str, str]) -> dict[str, float]:
    low, middle, high = names
    return {low: max(0, 1 - 2 * x), middle: 1 - abs(2 * x - 1), high: max(0, 2 * x - 1)}


def _details(assets: Assets, rng: Rng, vertices: Array) -> None:
    drawn: dict[str, float] = {}
    for name, low, high in assets.sliders:
        part, _, detail = name.partition("/")
        side = detail[:2] if detail[:2] in {"l-", "r-"} else ""
        key = f"{part}/{detail.removeprefix(side)}"
        if key not in drawn:
            drawn[key] = _slider(rng, part, detail, two_ended=bool(low))
        alone = float(rng.normal(0, 0.02)) if side else 0.0
        share = float(np.clip(drawn[key] + alone, -0.9, 0.9))
        if low or share > 0:
            add_shape(assets, vertices, low if share < 0 else high, abs(share))


def _slider(rng: Rng, part: str, detail: str, *, two_ended: bool) -> float:
    spread = _STRENGTH * (0.28 if part == "head" and not two_ended else 0.3)
    for word, factor in _CAREFUL.items():
        spread *= factor if word in detail else 1
    spread *= 0.6 if part.startswith("ears") else 1
    if rng.random() < 0.35:
        return 0.0
    return float(rng.normal(0, spread)) if two_ended else max(0.0, float(rng.normal(-0.1, spread)))


def normals_of(vertices: Array, triangles: Triangles) -> Array:
    """(v, 3) unit normals of a mesh at rest."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(total, triangles[:, i], face)
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)
