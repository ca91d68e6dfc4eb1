"""Which weights are here, and weights that have learned nothing, to measure with."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.contract import SIZES, Floats, Size
from engines.weights import FOLDER, Weights, WeightsError, find, read_weights, shapes
from streamer.errors import EngineError

UNLEARNED = "freshly initialised"
"""The note of weights that come from no training."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One size of the refiner, as it is here."""

    size: Size
    path: Path
    """where the file is, or would be"""
    digest: str = ""
    note: str = ""
    problem: str = ""
    """why there are none, and what to do; empty when they can be used"""


def installed(folder: Path | None) -> list[Installed]:
    """Every size, read and checked whole."""
    return [_installed(folder, size) for size in SIZES]


def _installed(folder: Path | None, size: Size) -> Installed:
    place = (folder or FOLDER) / f"{size}.safetensors"
    path = find(folder, size)
    if path is None:
        return Installed(size, place, problem=_missing(folder))
    try:
        weights = read_weights(path)
        _demand_size(weights, size, path)
    except WeightsError as error:
        return Installed(size, path, problem=str(error))
    return Installed(size, path, weights.digest, weights.note)


def _missing(folder: Path | None) -> str:
    return (
        f"none are in {folder or FOLDER}; train them, or name the folder that holds them in "
        "generator.weights"
    )


def _demand_size(weights: Weights, size: Size, path: Path) -> None:
    if weights.size != size:
        raise WeightsError(
            f"{path}: holds weights of size {weights.size.upper()}; name it {weights.size}"
            ".safetensors"
        )


def stock(
    sizes: Sequence[Size], folder: Path | None, *, unlearned_too: bool = False
) -> dict[Size, Weights]:
    """The weights of these sizes; where there are none, freshly initialised ones if those will do.

    EngineError when some are damaged, or missing and must not be.
    """
    return {size: _of(size, folder, unlearned_too=unlearned_too) for size in sizes}


def _of(size: Size, folder: Path | None, *, unlearned_too: bool) -> Weights:
    path = find(folder, size)
    try:
        if path is not None:
            weights = read_weights(path)
            _demand_size(weights, size, path)
            return weights
    except WeightsError as error:
        raise EngineError(str(error)) from error
    if unlearned_too:
        return unlearned(size)
    raise EngineError(f"weights of size {size.upper()}: {_missing(folder)}")


def unlearned(size: Size, seed: int = 0) -> Weights:
    """Random weights of natural strength, the heads' too, so that no engine can leave out a step.

    They take as long as trained ones, and what they do to a picture is small and means nothing.
    """
    arrays = {name: _random(name, shape, seed) for name, shape in shapes(size).items()}
    return Weights.of(size, arrays, UNLEARNED)


def _random(name: str, shape: tuple[int, ...], seed: int) -> Floats:
    chance = np.random.default_rng((seed, zlib.crc32(name.encode())))
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    strength = np.sqrt(2 / np.prod(shape[1:]))
    if name.startswith(("fine.", "coarse.")):
        strength *= 0.015
    elif name.endswith("second.weight"):  # or each block would add as much as it is given
        strength *= 0.3
    return (strength * chance.standard_normal(shape)).astype(np.float32)
