"""Batches by chance, out of a cache that may still be growing."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tools.training.augment import Batch, batch_of, varied
from tools.training.cache import Samples, stacked
from tools.training.recipe import Recipe
from tools.training.window import windowed

_LOOK_EVERY = 100
"""Batches between looks for new shards."""


class Feed:
    """Batches, the next one read while this one is used."""

    def __init__(self, recipe: Recipe, samples: Samples, reader: ThreadPoolExecutor) -> None:
        self._recipe, self._reader = recipe, reader
        self._rng, self._lots = (np.random.default_rng([recipe.seed, i]) for i in range(2))
        self._read_so_far = 0
        self._use(samples)
        self._coming = reader.submit(self._read, recipe.window)

    def _use(self, samples: Samples) -> None:
        self._samples, self._chances = (
            samples,
            chances(samples, recipe_shares(self._recipe)),
        )

    def next(self, device: torch.device, part: float) -> Batch:
        """The batch for a step when `part` of the time has gone."""
        recipe, arrays = self._recipe, self._coming.result()
        window = recipe.window if part < recipe.whole_from else 0
        self._coming = self._reader.submit(self._read, window)
        return varied(batch_of(arrays, recipe.size, device), self._rng)

    def _read(self, window: int) -> dict[str, NDArray[Any]]:
        recipe, count = self._recipe, self._recipe.batch
        self._read_so_far += 1
        if self._read_so_far % _LOOK_EVERY == 0 and self._samples.grown():
            self._use(Samples(recipe.cache / "train", recipe.side))
        if recipe.window and not window:  # whole views of as many pixels
            count = max(2, count * recipe.window**2 // recipe.side**2)
        numbers = self._lots.choice(len(self._chances), count, p=self._chances)
        rows = [self._samples.row(int(number)) for number in numbers]
        return stacked([windowed(row, window, self._lots) for row in rows] if window else rows)


def recipe_shares(recipe: Recipe) -> dict[str, float]:
    """What part of the samples each kind is to be, where all kinds are there."""
    photos = 1 - recipe.renders - recipe.gapes
    return {
        "clip": photos * recipe.clips,
        "still": photos * (1 - recipe.clips),
        "render": recipe.renders,
        "gape": recipe.gapes,
    }


def chances(samples: Samples, shares: Mapping[str, float]) -> NDArray[np.float64]:
    """(n,) of each sample; each kind that there is has its share."""
    found, kinds = samples.weights.astype(np.float64), np.array(samples.kinds)
    for kind, share in shares.items():
        mine = kinds == kind
        if mine.any():
            found[mine] *= share / found[mine].sum()
    return found / found.sum()
