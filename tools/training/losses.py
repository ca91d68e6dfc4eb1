"""What the refiner is asked for, each as one number to be made small; pictures are 0..1 in here."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor

from engines.graph import Changes
from tools.training.augment import Batch

_LEVELS = 5
_EPSILON = 1e-3
_PLACES = 1024
"""Patches compared in each picture and scale."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the refiner made of a batch."""

    picture: Tensor
    """(B, 3, N, N) 0..255, before rounding"""
    changes: Changes
    planes: Tensor
    """(B, 20, N, N)"""


def focus(marks: Tensor, more: float) -> Tensor:
    """(B, 1, N, N) 1, and `more` in mouth and eyes, soft between; `marks` (B, N, N, 3) uint8."""
    side = marks.shape[1]
    away = marks.permute(0, 3, 1, 2)[:, :2].float() - 128
    near = (away / (2 * 0.03 * side) + 1.5).clamp(0, 1).amax(1, keepdim=True)
    return 1 + (more - 1) * near


def widened(weight: Tensor, picture: Tensor) -> Tensor:
    """The weight of a window for the larger picture around it."""
    edge = (picture.shape[2] - weight.shape[2]) // 2
    return F.pad(weight, (edge,) * 4, value=1.0) if edge else weight


def charbonnier(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference, smooth at 0."""
    difference = ((made - truth) ** 2 + _EPSILON**2).sqrt().mean(1, keepdim=True)
    return (difference * weight).sum() / weight.sum()


def laplacian(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Differences of detail, coarse to fine."""
    total, difference = made.new_zeros(()), made - truth
    for level in range(_LEVELS):
        small = F.avg_pool2d(difference, 2)
        detail = difference - F.interpolate(small, scale_factor=2.0, mode="bilinear")
        total = total + 2**level * _mean(detail.abs().mean(1, keepdim=True), weight)
        difference, weight = small, F.avg_pool2d(weight, 2)
    return (total + 2**_LEVELS * _mean(difference.abs().mean(1, keepdim=True), weight)) / 2**_LEVELS


class PatchFilters(torch.nn.Module):
    """Random filters over three scales; the distance of what they see, sorted or in place.

    Sorted over the picture it compares which patches there are (a sliced distance of patch
    distributions), and lets them be elsewhere.
    """

    filters: Tensor

    def __init__(self, count: int = 48, side: int = 5, seed: int = 0) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(seed)
        filters = torch.randn(count, 3, side, side, generator=chance)
        filters = filters - filters.mean((1, 2, 3), keepdim=True)
        filters = filters / filters.square().sum((1, 2, 3), keepdim=True).sqrt()
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
        """One number."""
        total = made.new_zeros(())
        for _ in range(3):
            a, b = (F.conv2d(one * weight, self.filters).flatten(2) for one in (made, truth))
            some = torch.randint(a.shape[2], (min(_PLACES, a.shape[2]),), device=a.device)
            a, b = (one[..., some].sort(2).values for one in (a, b))
            total = total + (a - b).abs().mean()
            made, truth, weight = (F.avg_pool2d(one, 2) for one in (made, truth, weight))
        return total / 3


def gate_sparsity(drawn: Drawn, marks: Tensor) -> Tensor:
    """How much is painted outside mouth and eyes, where there is a person to be moved."""
    inside = focus(marks, 2.0) - 1
    return (drawn.changes.gate * (1 - inside)).mean()


def flow_size(drawn: Drawn) -> Tensor:
    """How far things are fetched."""
    return drawn.changes.flow.abs().mean()


def variation(values: Tensor) -> Tensor:
    """Mean step from pixel to pixel."""
    across = (values[..., 1:] - values[..., :-1]).abs().mean()
    return across + (values[..., 1:, :] - values[..., :-1, :]).abs().mean()


def terms(
    drawn: Drawn, batch: Batch, weights: Mapping[str, float], patches: PatchFilters, more: float
) -> dict[str, Tensor]:
    """Each term that has a weight, weighted."""
    made, truth = drawn.picture / 255, batch.truth / 255
    marks = batch.given["marks"]
    weight = widened(focus(marks, more), truth) * batch.known
    each = {
        "charbonnier": lambda: charbonnier(made, truth, weight),
        "laplacian": lambda: laplacian(made, truth, weight),
        "patches": lambda: patches(made, truth, batch.known),
        "gate": lambda: gate_sparsity(drawn, marks),
        "gain_variation": lambda: variation(drawn.changes.gain),
        "flow": lambda: flow_size(drawn),
        "flow_variation": lambda: variation(drawn.changes.flow),
    }
    return {name: weights[name] * term() for name, term in each.items() if weights.get(name)}


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)
