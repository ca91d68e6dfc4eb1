"""Networks that learn to tell drawn pictures from real ones, while the refiner is trained.

Each gives raw logits, for a hinge, and what it saw on the way, for matching features. All their
layers are kept at a spectral norm of 1. None is part of what runs live.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor, nn

from engines.model import spectral
from engines.weights import PHOTO

GEOMETRY = 6
"""maps of geometry beside red, green and blue"""
LEAK = 0.2


class Judgement(NamedTuple):
    """What a critic says of a batch."""

    logits: Tensor
    """higher is more real; one a picture, or one a patch"""
    seen: tuple[Tensor, ...]
    """(B, C, H, W) of every layer but the last, the finest first"""


class PatchCritic(nn.Module):
    """Judges patches: convolutions 4 x 4 of stride 2, and one more that gives the logits."""

    def __init__(self, channels: tuple[int, ...] = (64, 128, 256, 256)) -> None:
        super().__init__()
        widths = (3 + GEOMETRY, *channels)
        self.layers = nn.ModuleList(
            nn.Conv2d(into, out, 4, stride=2, padding=1) for into, out in pairwise(widths)
        )
        self.last = nn.Conv2d(channels[-1], 1, 4, padding=1)
        spectral(self)

    def forward(self, picture: Tensor, geometry: Tensor) -> Judgement:
        """Logits (B, h, w) of pictures (B, 3, H, W) with their geometry (B, 6, H, W)."""
        x = torch.cat([picture, geometry], dim=1)
        seen: list[Tensor] = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), LEAK)
            seen.append(x)
        return Judgement(self.last(x).squeeze(1), tuple(seen))


def mouth_critic() -> PatchCritic:
    """For mouths, cut out at 96 x 96: one layer less, for they are smaller."""
    return PatchCritic((64, 128, 256))


class Block(nn.Module):
    """A residual block of the seed paper, with or without halving the side."""

    def __init__(self, into: int, out: int, *, halve: bool, rectify: bool = True) -> None:
        super().__init__()
        self.halve, self.rectify = halve, rectify
        self.first = nn.Conv2d(into, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(into, out, 1) if halve else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, out, H, W) or half that from (B, into, H, W)."""
        deep = F.relu(x) if self.rectify else x
        x = self.skip(x) + self.second(F.relu(self.first(deep)))
        return F.avg_pool2d(x, 2) if self.halve else x


class Attention(nn.Module):
    """Every place looks at all others (SAGAN, Zhang et al. 2018); at first it adds nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ask = nn.Conv2d(channels, channels // 8, 1)
        self.answer = nn.Conv2d(channels, channels // 8, 1)
        self.tell = nn.Conv2d(channels, channels, 1)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from as much."""
        ask, answer, tell = (f(x).flatten(2) for f in (self.ask, self.answer, self.tell))
        heed = torch.softmax(ask.transpose(1, 2) @ answer, dim=-1)  # (B, HW, HW)
        return x + self.share * (tell @ heed.transpose(1, 2)).reshape(x.shape)


class ProjectionCritic(nn.Module):
    """The seed paper's: how real, and how much person i of those it was trained on.

    The score is v . (W_i + w0) + b, where v is what it sees and W_i is learned for each person.
    """

    def __init__(
        self, people: int, channels: tuple[int, ...] = (64, 128, 256, 512, 512, 512)
    ) -> None:
        super().__init__()
        widths = (PHOTO, *channels)
        blocks: list[nn.Module] = [
            Block(into, out, halve=True, rectify=i > 0)
            for i, (into, out) in enumerate(pairwise(widths))
        ]
        blocks.insert(3, Attention(channels[2]))
        self.blocks = nn.ModuleList([*blocks, Block(channels[-1], channels[-1], halve=False)])
        self.people = nn.Parameter(torch.randn(people, channels[-1]) / channels[-1] ** 0.5)  # W
        self.anyone = nn.Parameter(torch.zeros(channels[-1]))  # w0
        self.bias = nn.Parameter(torch.zeros(()))  # b
        spectral(self)

    def forward(self, picture: Tensor, geometry: Tensor, person: Tensor) -> Judgement:
        """Logits (B,) of pictures (B, 3, H, W), their geometry (B, 3, H, W), people (B,) int64."""
        x = torch.cat([picture, geometry], dim=1)
        seen: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            seen.append(x)
        v = F.relu(x).sum((2, 3))  # (B, C)
        score = (v * (self.people[person] + self.anyone)).sum(1) + self.bias
        return Judgement(score, tuple(seen))
