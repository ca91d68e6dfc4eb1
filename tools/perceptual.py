"""How different two pictures look to a network that has learned to tell things apart.

SqueezeNet 1.1 (Iandola et al. 2016, MIT) without its head, from a file of its weights; the distance
is of the kind of LPIPS (Zhang et al. 2018): features at several depths, of length 1 at each place.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor, nn

from streamer.errors import MediaError

_MEAN = (104.0, 117.0, 123.0)
"""Of blue, green and red."""
_FIRES, _POOLED = range(2, 10), ("conv1", "fire3", "fire5")
_TOLD = ("fire2", "fire3", "fire5", "fire7", "fire9")
"""Whose features are compared."""


class Perceptual(nn.Module):
    """The distance; made of a `.npz` file of `layer.weight` and `layer.bias`."""

    mean: Tensor

    def __init__(self, path: Path, told: tuple[str, ...] = _TOLD) -> None:
        """MediaError when the file cannot be read, or holds something else."""
        super().__init__()
        self.told = told
        try:
            with np.load(path) as file:
                for name in _layers():
                    for part in ("weight", "bias"):
                        array = file[f"{name}.{part}"].astype(np.float32)
                        tensor = cast("Any", torch).from_numpy(array)
                        self.register_buffer(_flat(name, part), tensor, persistent=False)
        except (OSError, KeyError, ValueError) as error:
            raise MediaError(f"{path}: no weights of SqueezeNet 1.1 ({error})") from error
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)

    def forward(self, made: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
        """One number of (B, 3, h, w) RGB 0..1 each; places count by `weight` (B, 1, h, w)."""
        total = made.new_zeros(())
        for a, b in zip(self.features(made), self.features(truth), strict=True):
            apart = (_unit(a) - _unit(b)).square().sum(1, keepdim=True)
            if weight is None:
                total = total + apart.mean()
                continue
            share = F.adaptive_avg_pool2d(weight, (apart.shape[2], apart.shape[3]))
            total = total + (apart * share).sum() / share.sum().clamp(min=1e-6)
        return total

    def features(self, picture: Tensor) -> list[Tensor]:
        """What is seen at each depth that is compared."""
        found: list[Tensor] = []
        x = F.relu(self._conv(255 * picture.flip(1) - self.mean, "conv1", stride=2))
        for number in (1, *_FIRES):
            name = f"fire{number}" if number > 1 else "conv1"
            if number > 1:
                x = self._fire(x, name)
            if name in self.told:
                found.append(x)
            if name == self.told[-1]:
                break
            if name in _POOLED:
                x = F.max_pool2d(x, 3, 2)
        return found

    def _fire(self, x: Tensor, name: str) -> Tensor:
        narrow = F.relu(self._conv(x, f"{name}/squeeze1x1"))
        wide = [self._conv(narrow, f"{name}/expand{k}x{k}", padding=k // 2) for k in (1, 3)]
        return F.relu(torch.cat(wide, 1))

    def _conv(self, x: Tensor, name: str, **options: int) -> Tensor:
        weight, bias = (getattr(self, _flat(name, part)) for part in ("weight", "bias"))
        return F.conv2d(x, weight, bias, **options)


def _layers() -> list[str]:
    parts = ("squeeze1x1", "expand1x1", "expand3x3")
    return ["conv1", *(f"fire{number}/{part}" for number in _FIRES for part in parts)]


def _flat(name: str, part: str) -> str:
    return f"{name}_{part}".replace("/", "_").replace(".", "_")


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True) + 1e-8).sqrt()
