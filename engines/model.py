"""The two networks of the product: one refines a warped picture, one describes a portrait for it.

Neither normalises by statistics of the picture at hand: what comes out does not depend on what
else is in view, and half precision suffices.
"""

import copy
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from engines.contract import FILM, PLANES, Size
from engines.weights import COARSE, EMBEDDER, FINE, PARAMS, PHOTO, TRUNK, Params, Weights

What = Literal["flow", "gain", "rgb", "random"]
M = TypeVar("M", bound=nn.Module)

LEAK = 0.1
"""Of rectifiers: units that fell silent would stay so."""
RGB, ALPHA, GAIN, FLOW = slice(0, 3), slice(3, 4), slice(4, 5), slice(5, 7)
"""Where in the fine head's maps each is."""


class FilmBlock(nn.Module):
    """Two convolutions beside a skip, the first scaled and shifted by the portrait's numbers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """(B, C, H, W) from as much and from (B, 2 C)."""
        scale, shift = film[..., None, None].chunk(2, dim=1)  # (B, C, 1, 1) each
        return x + self.second(F.leaky_relu(self.first(x) * (1 + scale) + shift, LEAK))


class Level(nn.Module):
    """FiLM blocks one after another."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FilmBlock(channels) for _ in range(blocks))

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """(B, C, H, W) from as much and from (B, 2 C for each block)."""
        parts = film.chunk(len(self.blocks), dim=1)  # (B, 2 C) each
        for block, part in zip(self.blocks, parts, strict=True):
            x = block(x, part)
        return x


class Refiner(nn.Module):
    """From what the warp drew and knows: new colours, how much of them, light, and motion.

    Its heads start at zero, which leaves the warp's picture as it is.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        widths, blocks = params.channels, params.blocks
        way_up = tuple(zip(widths[:3], blocks[:3], strict=True))[::-1]
        self.params = params
        # the same as 3 x 3 on pixels unshuffled by 2, but quicker
        self.stem = nn.Conv2d(PLANES, widths[0], 6, stride=2, padding=2)
        self.encoder = nn.ModuleList(Level(w, n) for w, n in zip(widths, blocks, strict=True))
        self.down = nn.ModuleList(
            nn.Conv2d(narrow, wide, 3, stride=2, padding=1) for narrow, wide in pairwise(widths)
        )
        self.up = nn.ModuleList(nn.Conv2d(wide, w, 1) for w, wide in pairwise(widths))[::-1]
        self.decoder = nn.ModuleList(Level(w, n) for w, n in way_up)
        self.fine = _zero(nn.Conv2d(widths[0], 4 * FINE, 3, padding=1))
        self.coarse = _zero(nn.Conv2d(widths[1], COARSE, 3, padding=1))
        self.films = [2 * w * n for w, n in (*zip(widths, blocks, strict=True), *way_up)]

    def forward(self, planes: Tensor, film: Tensor) -> tuple[Tensor, Tensor]:
        """Fine (B, 7, N, N) and coarse (B, 2, N/4, N/4) from (B, 20, N, N) and (B, F)."""
        films = torch.split(film, self.films, dim=1)
        x = self.stem(planes)  # (B, C0, N/2, N/2)
        seen = [self.encoder[0](x, films[0])]
        for down, level, part in zip(self.down, self.encoder[1:], films[1:4], strict=True):
            seen.append(level(down(seen[-1]), part))
        x = seen.pop()  # (B, C3, N/16, N/16)
        drawn: list[Tensor] = []
        for up, level, part in zip(self.up, self.decoder, films[4:], strict=True):
            wide = F.interpolate(up(x), scale_factor=2.0, mode="nearest")
            x = level(wide + seen.pop(), part)
            drawn.append(x)
        fine = F.pixel_shuffle(self.fine(drawn[2]), 2)
        return fine, self.coarse(drawn[1])


class Shrink(nn.Module):
    """A residual block that halves the side."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(into, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(into, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, out, H/2, W/2) from (B, into, H, W)."""
        deep = self.second(F.relu(self.first(F.relu(x))))
        return F.avg_pool2d(deep + self.skip(x), 2)


class Embedder(nn.Module):
    """From photos of a face to the numbers that fit the refiner to it; once per portrait."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.trunk = nn.Sequential(*(Shrink(a, b) for a, b in pairwise((PHOTO, *TRUNK))))
        self.project = _zero(nn.Linear(TRUNK[-1], FILM[params.name]))

    def forward(self, photos: Tensor) -> Tensor:
        """(B, F) from (B, K, 6, 128, 128): colours and drawn geometry, of K photos each."""
        seen = self.trunk(photos.flatten(0, 1)).sum((2, 3))  # (B K, 256)
        faces = F.relu(seen).reshape(*photos.shape[:2], -1)
        return self.project(faces.mean(1))


def initial(size: Size, seed: int = 0) -> Refiner:
    """A refiner that has learned nothing: whatever it sees, its heads give zero."""
    refiner = _filled(Refiner(PARAMS[size]), seed)
    _zero(refiner.fine)
    _zero(refiner.coarse)
    return refiner


def initial_embedder(size: Size, seed: int = 0) -> Embedder:
    """An embedder that has learned nothing: all its numbers are 0, which is neutral."""
    embedder = _filled(Embedder(PARAMS[size]), seed)
    _zero(embedder.project)
    return embedder


@torch.no_grad()
def probe(size: Size, what: What, seed: int = 0) -> Refiner:
    """A refiner for tests, in which one path does something that can be seen.

    `flow` fetches everything from 10 px of the net's view further right (coarse) and 4 px further
    down (fine); `gain` brightens by 30 %; `rgb` paints it redder, half open; `random` does a little
    of everything, everywhere differently.
    """
    refiner = initial(size, seed)
    fine = cast("Tensor", refiner.fine.bias).view(FINE, 4)  # one number for each pixel of 2 x 2
    match what:
        case "flow":
            cast("Tensor", refiner.coarse.bias)[0] = float(np.arctanh(10 / 32))
            fine[FLOW][1] = float(np.arctanh(4 / 5))
        case "gain":
            fine[GAIN] = float(np.arctanh(0.3))
        case "rgb":
            fine[RGB] = torch.tensor([[0.5], [-0.5], [-0.5]])
            fine[ALPHA] = 2.0
        case "random":
            _stir(refiner, seed)
    return refiner


def spectral(module: M) -> M:
    """The module itself, every layer kept at a spectral norm of 1 while it trains.

    Layers that start at zero have no norm and are left alone.
    """
    for layer in _layers(module):
        if layer.weight.detach().any():
            parametrizations.spectral_norm(layer)
    return module


def folded(module: M) -> M:
    """A copy for inference, in which every norm is part of the weights."""
    plain = copy.deepcopy(module).eval()
    for layer in _layers(plain):
        if parametrize.is_parametrized(layer):
            # torch's own way out takes the weights from the layer this is a copy of as well
            weight, kind = layer.weight.detach(), parametrize.type_before_parametrizations(layer)
            del layer.parametrizations
            layer.__class__ = kind
            layer.weight = nn.Parameter(weight)
    return plain


def weights_of(refiner: Refiner, embedder: Embedder | None = None, note: str = "") -> Weights:
    """What they have learned, rounded to fp16."""
    state = folded(refiner).state_dict()
    if embedder is not None:
        state |= {EMBEDDER + name: t for name, t in folded(embedder).state_dict().items()}
    arrays = {name: tensor.float().cpu().numpy() for name, tensor in state.items()}
    return Weights.of(refiner.params.name, arrays, note)


def into(weights: Weights) -> Refiner:
    """The refiner that has learned this, for inference."""
    refiner = Refiner(PARAMS[weights.size])
    refiner.load_state_dict({name: torch.tensor(a) for name, a in weights.refiner.items()})
    return refiner.eval().requires_grad_(requires_grad=False)


def into_embedder(weights: Weights) -> Embedder | None:
    """The embedder that has learned this, for inference; None when the weights have none."""
    if not weights.embedder:
        return None
    embedder = Embedder(PARAMS[weights.size])
    embedder.load_state_dict({name: torch.tensor(a) for name, a in weights.embedder.items()})
    return embedder.eval().requires_grad_(requires_grad=False)


def _layers(module: nn.Module) -> Iterable[nn.Conv2d | nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


@torch.no_grad()
def _zero(layer: M) -> M:
    for parameter in layer.parameters():
        parameter.zero_()
    return layer


@torch.no_grad()
def _filled(module: M, seed: int) -> M:
    """The module itself, with weights that keep the strength of what passes."""
    chance = torch.Generator().manual_seed(seed)
    for layer in _layers(module):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=chance)
        if layer.bias is not None:
            layer.bias.zero_()
    for block in module.modules():
        if isinstance(block, FilmBlock | Shrink):  # or each block would add as much as it is given
            block.second.weight *= 0.25
    return module


def _stir(refiner: Refiner, seed: int) -> None:
    """Random heads, so scaled that noise for planes gives moderate values."""
    chance = torch.Generator().manual_seed(seed + 1)
    planes = torch.rand((1, PLANES, 128, 128), generator=chance)
    film = torch.zeros(1, FILM[refiner.params.name])
    for head in (refiner.fine, refiner.coarse):
        nn.init.normal_(head.weight, generator=chance)
    fine, coarse = refiner(planes, film)
    refiner.fine.weight *= 0.4 / fine.std()
    refiner.coarse.weight *= 0.1 / coarse.std()
    cast("Tensor", refiner.fine.bias).view(FINE, 4)[ALPHA] = 0.5
