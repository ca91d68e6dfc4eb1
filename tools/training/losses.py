"""What the refiner is asked for, each as one number to be made small; pictures are 0..1 in here."""

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor

from engines.graph import Changes
from streamer.tuning.losses import charbonnier, focus, laplacian, weighted
from tools.perceptual import Perceptual
from tools.training.augment import Batch, inner
from tools.training.recipe import Recipe

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


def widened(weight: Tensor, picture: Tensor) -> Tensor:
    """The weight of a window for the larger picture around it."""
    edge = (picture.shape[2] - weight.shape[2]) // 2
    return F.pad(weight, (edge,) * 4, value=1.0) if edge else weight


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
    return (drawn.changes.paint.abs() / 255 * (1 - inside)).mean()


def flow_error(drawn: Drawn, left: Tensor, believed: Tensor) -> Tensor:
    """Px by which things are fetched from elsewhere than optical flow says, where it is sure."""
    flow = drawn.changes.flow * (drawn.changes.flow.shape[3] / 2)
    apart = F.avg_pool2d(flow, flow.shape[3] // left.shape[3]) - left
    return weighted((apart.square().sum(1, keepdim=True) + 0.01).sqrt() - 0.1, believed)


def flow_size(drawn: Drawn) -> Tensor:
    """How far things are fetched."""
    return drawn.changes.flow.abs().mean()


def variation(values: Tensor) -> Tensor:
    """Mean step from pixel to pixel."""
    across = (values[..., 1:] - values[..., :-1]).abs().mean()
    return across + (values[..., 1:, :] - values[..., :-1, :]).abs().mean()


class Losses:
    """All terms, with the networks that some of them look through."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        """MediaError when the weights of the perceptual term cannot be read."""
        self._weights, self._focus = recipe.weights, recipe.focus
        self._patches = PatchFilters().to(device)
        path = recipe.perceptual
        self._perceptual = None if path is None else Perceptual(path).to(device)

    def terms(self, drawn: Drawn, batch: Batch) -> dict[str, Tensor]:
        """Each term that has a weight, weighted."""
        made, truth = drawn.picture / 255, batch.truth / 255
        marks = batch.given["marks"]
        weight = widened(focus(marks, self._focus), truth) * batch.known
        each = {
            "charbonnier": lambda: charbonnier(made, truth, weight),
            "laplacian": lambda: laplacian(made, truth, weight),
            "patches": lambda: self._patches(made, truth, batch.known),
            "gate": lambda: gate_sparsity(drawn, marks),
            "gain_variation": lambda: variation(drawn.changes.gain),
            "teacher": lambda: flow_error(drawn, batch.left, batch.believed),
            "flow": lambda: flow_size(drawn),
            "flow_variation": lambda: variation(drawn.changes.flow),
        }
        if (look := self._perceptual) is not None:
            inside = marks.shape[1]
            each["perceptual"] = lambda: look(
                *(inner(one, inside) for one in (made, truth, weight))
            )
        strong = {name: share for name, share in self._weights.items() if share and name in each}
        if self._perceptual is None:
            strong.pop("perceptual", None)
        return {name: share * each[name]() for name, share in strong.items()}

    def _looked_at(self, *pictures: Tensor) -> Tensor:
        """Of half the batch: it costs as much as the refiner."""
        # its first layer sees each second px: without a shift, it lets a pattern of px pass
        top, left = (int(torch.randint(2, ())) for _ in range(2))
        some = (one[: (len(one) + 1) // 2, :, top:, left:] for one in pictures)
        made, truth, weight = (one.contiguous(memory_format=torch.channels_last) for one in some)
        look = cast("Perceptual", self._perceptual)
        with torch.autocast(made.device.type, torch.bfloat16):
            return look(made, truth, weight)
