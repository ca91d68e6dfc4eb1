"""How far a drawn picture is from the true one, as numbers to be made small; 0..1 in here."""

import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor

_LEVELS = 5
_EPSILON = 1e-3


def focus(marks: Tensor, more: float) -> Tensor:
    """(B, 1, N, N) 1, and `more` in mouth and eyes, soft between; `marks` (B, N, N, 3) uint8."""
    side = marks.shape[1]
    away = marks.permute(0, 3, 1, 2)[:, :2].float() - 128
    near = (away / (2 * 0.03 * side) + 1.5).clamp(0, 1).amax(1, keepdim=True)
    return 1 + (more - 1) * near


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
        total = total + 2**level * weighted(detail.abs().mean(1, keepdim=True), weight)
        difference, weight = small, F.avg_pool2d(weight, 2)
    total = total + 2**_LEVELS * weighted(difference.abs().mean(1, keepdim=True), weight)
    return total / 2**_LEVELS


def weighted(values: Tensor, weight: Tensor) -> Tensor:
    """The mean of (B, 1, h, w), in which places count by their weight."""
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)
