"""The generator of the seed paper (Zakharov et al. 2019), to measure ours against.

Written from the paper and what its authors and others have told of it since; it has no weights and
needs none, for a network costs the same whatever it has learned. Two forms of it are known, and no
single one has all the figures that are quoted: 37.9 M parameters belong to the slim one, without
attention as in the authors' later code, 54 GMAC at 256 px to the full one, with attention.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor, nn

from engines.critics import Attention
from engines.model import folded, spectral

EMBEDDING = 512
"""numbers that describe a person"""


@dataclass(frozen=True, slots=True)
class Form:
    """What the known forms differ in."""

    residuals: int
    attention: bool
    channels: tuple[int, ...] = (64, 128, 256, 512)
    """after each block going down"""


FORMS: Mapping[Literal["slim", "full"], Form] = {
    "slim": Form(residuals=4, attention=False),
    "full": Form(residuals=5, attention=True),
}


class Down(nn.Module):
    """A residual block with instance norm that halves the side."""

    def __init__(self, into: int, out: int, *, first: bool) -> None:
        super().__init__()
        self.before = nn.Identity() if first else nn.InstanceNorm2d(into, affine=True)
        self.between = nn.InstanceNorm2d(out, affine=True)
        self.first = nn.Conv2d(into, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(into, out, 1)
        self.rectify = not first

    def forward(self, x: Tensor) -> Tensor:
        """(B, out, H/2, W/2) from (B, into, H, W)."""
        deep = F.relu(self.before(x)) if self.rectify else x
        deep = self.second(F.relu(self.between(self.first(deep))))
        return F.avg_pool2d(deep + self.skip(x), 2)


class Styled(nn.Module):
    """A residual block with AdaIN before each convolution, with or without doubling the side."""

    def __init__(self, into: int, out: int, *, grow: bool) -> None:
        super().__init__()
        self.grow = grow
        self.styles = [2 * into, 2 * out]
        self.first = nn.Conv2d(into, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(into, out, 1) if grow else nn.Identity()

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """(B, out, H, W) or twice that from (B, into, H, W) and (B, sum of self.styles)."""
        before, between = torch.split(styles, self.styles, dim=1)
        deep = F.relu(adapted(x, before))
        if self.grow:
            deep, x = (F.interpolate(y, scale_factor=2.0, mode="nearest") for y in (deep, x))
        return self.skip(x) + self.second(F.relu(adapted(self.first(deep), between)))


class PaperGenerator(nn.Module):
    """From drawn landmarks, and numbers that describe a person, to that person's picture."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        down = [Down(into, out, first=into == 3) for into, out in pairwise((3, *form.channels))]
        ends = form.channels[::-1]
        middle = [Styled(ends[0], ends[0], grow=False) for _ in range(form.residuals)]
        up = [Styled(into, out, grow=True) for into, out in pairwise((ends[0], *ends))]
        looks = [Attention(form.channels[2]) if form.attention else nn.Identity() for _ in "ab"]
        self.down = nn.Sequential(*down[:3], looks[0], down[3])  # it looks at an eighth of the side
        self.middle = nn.ModuleList(middle)
        self.up = nn.ModuleList(up)
        self.look = looks[1]  # at a quarter of the side
        self.last = nn.Conv2d(ends[-1], 3, 3, padding=1)
        self.styles = [sum(block.styles) for block in (*middle, *up)] + [2 * ends[-1]]
        self.project = nn.Linear(EMBEDDING, sum(self.styles))  # P

    def forward(self, raster: Tensor, embedding: Tensor) -> Tensor:
        """(B, 3, S, S) in -1..1 from (B, 3, S, S) and (B, 512)."""
        *styles, last = torch.split(self.project(embedding), self.styles, dim=1)
        x = self.down(raster)  # (B, 512, S/16, S/16)
        for i, (block, style) in enumerate(zip((*self.middle, *self.up), styles, strict=True)):
            x = block(x, style)
            if i == len(self.middle) + 1:
                x = self.look(x)
        return torch.tanh(self.last(F.relu(adapted(x, last))))


def adapted(x: Tensor, style: Tensor) -> Tensor:
    """AdaIN: (B, C, H, W) with the deviation and mean that (B, 2 C) asks for."""
    scale, shift = style[..., None, None].chunk(2, dim=1)
    return F.instance_norm(x) * scale + shift


def paper_generator(form: Literal["slim", "full"] = "slim") -> PaperGenerator:
    """The generator for inference: spectral norm folded, as good as its random weights."""
    return folded(spectral(PaperGenerator(FORMS[form])))
