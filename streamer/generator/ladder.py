"""The quality ladder that the latency budget moves along, made from what is installed."""

from dataclasses import dataclass
from pathlib import Path

from engines.contract import SIZES, Size
from engines.weights import find
from streamer.config import GeneratorConfig
from streamer.errors import EngineError
from streamer.generator.sight import Refinement


@dataclass(frozen=True, slots=True)
class Level:
    """A step of the quality ladder."""

    name: str
    scale: float
    """size of the picture relative to the best; the canvas stays"""
    refinement: Refinement | None = None
    """None = the warp alone"""


PLAIN = (Level("full", 1.0), Level("3/4 size", 0.75), Level("half size", 0.5))
"""What is there without any refiner."""


def levels_of(config: GeneratorConfig) -> tuple[Level, ...]:
    """The steps, best first.

    EngineError when the settings name a size or a folder of weights that is not there.
    """
    if config.refiner == "off":
        _demand_no_gate(config, "generator.refiner is off")
        return PLAIN
    sizes = _installed(config)
    if not sizes:
        _demand_no_gate(config, "no trained refiner is installed")
        return PLAIN
    steps = [Level(f"refiner {size.upper()}", 1.0, Refinement(size)) for size in reversed(sizes)]
    if "xs" in sizes:
        steps.append(Level("refiner XS, mouth and eyes", 1.0, Refinement("xs", parts=True)))
    return (*steps, *PLAIN)


def weights_of(config: GeneratorConfig, size: Size) -> Path | None:
    """The file with the weights of this size; None where there is none."""
    return find(None if config.weights is None else Path(config.weights), size)


def _installed(config: GeneratorConfig) -> list[Size]:
    """The sizes up to the one that is asked for, smallest first."""
    sizes: list[Size] = [size for size in SIZES if weights_of(config, size) is not None]
    if config.weights is not None and not sizes:
        raise EngineError(
            f"generator.weights {config.weights}: no weights are in this folder;"
            f" they are called {', '.join(f'{size}.safetensors' for size in SIZES)}"
        )
    if config.refiner in ("auto", "off"):
        return sizes
    if config.refiner not in sizes:
        there = ", ".join(sizes) or "none"
        raise EngineError(
            f"generator.refiner {config.refiner}: no weights of that size are here, but {there};"
            " name their folder in generator.weights, or set generator.refiner to auto"
        )
    return sizes[: sizes.index(config.refiner) + 1]


def _demand_no_gate(config: GeneratorConfig, why: str) -> None:
    if config.show == "gate":
        raise EngineError(
            f"generator.show gate: {why}, so there is nothing to show; name the folder of its"
            " weights in generator.weights, or show the picture"
        )
