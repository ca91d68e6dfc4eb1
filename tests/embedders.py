"""Weights with an embedder that says something, to test with."""

from functools import cache

import numpy as np

from engines.weights import EMBEDDER, Weights, embedder_shapes
from streamer.engine.stock import unlearned


@cache
def embedding(size="xs", seed=0):
    """Weights that have learned nothing, and an embedder whose numbers differ from face to face."""
    chance = np.random.default_rng(seed)
    arrays = dict(unlearned(size).arrays)
    for name, shape in embedder_shapes(size).items():
        strength = 0.05 if len(shape) == 1 else np.sqrt(1 / np.prod(shape[1:]))
        array = strength * chance.standard_normal(shape)
        arrays[EMBEDDER + name] = array.astype(np.float32)
    return Weights.of(size, arrays)
