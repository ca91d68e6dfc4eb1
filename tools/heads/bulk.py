"""The path for a GPU: the same pictures by torch, many frames at once.

The rasteriser does what `tools.heads.raster` does, in the same order of operations, so both find
the same triangles. Triangles are taken in classes of like size, so that all samples of their boxes
can be tested together; the nearest wins by the greatest of (1/distance, number) in one integer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.errors import EngineError
from tools.heads.arrays import Sparse, Values
from tools.heads.raster import EDGE, Soup

_BOXES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 2048)
"""Sides of the classes of boxes, in samples."""
_TESTED = 6_000_000
"""Samples tested together."""
_TALLY = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class TorchLibrary:
    """torch on one device."""

    device: torch.device
    xp: Any = torch

    @staticmethod
    def on(device: str) -> "TorchLibrary":
        """The library of a device. EngineError when there is no such device."""
        try:
            found = torch.device(device)
            torch.zeros(1, device=found)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise EngineError(f"{device}: torch cannot compute there ({reason})") from error
        return TorchLibrary(found)

    def put(self, array: NDArray[Any]) -> Tensor:
        """A copy on the device."""
        return cast("Any", torch.tensor)(np.ascontiguousarray(array), device=self.device)

    def put_matrix(self, matrix: Sparse) -> Tensor:
        """As the protocol says."""
        one: Any = matrix.tocoo()
        places = np.stack([one.row, one.col]).astype(np.int64)
        values = cast("Any", torch).sparse_coo_tensor(
            places,
            one.data,
            one.shape,
            dtype=torch.float32,
            device=self.device,
            check_invariants=False,
        )
        return values.coalesce()

    def get(self, values: Values) -> NDArray[Any]:
        """As the protocol says."""
        return values.cpu().numpy()

    def whole(self, values: Tensor) -> Tensor:
        """As the protocol says."""
        return values.to(torch.int64)

    def real(self, values: Tensor) -> Tensor:
        """As the protocol says."""
        return values.to(torch.float32)

    def where_true(self, mask: Tensor) -> Tensor:
        """As the protocol says."""
        return torch.nonzero(mask.reshape(-1))[:, 0]


def nearest_torch(
    soup: Soup, points: Tensor, side: int, least: float, layers: int, floor: Tensor
) -> tuple[Tensor, Tensor]:
    """The rasteriser of torch's library; see `tools.heads.raster.Rasteriser`."""
    size = len(points) * side * side
    keys = torch.zeros((layers, size), dtype=torch.int64, device=points.device)
    found = list(_fragments(soup, points, side, least, floor.reshape(-1)))
    for layer in range(layers):
        before = keys[layer - 1] if layer else None
        for place, key in found:
            behind = key < before[place] if before is not None else key > 0
            keys[layer].scatter_reduce_(0, place[behind], key[behind], "amax")
    near = (keys >> 32).to(torch.int32).view(torch.float32)
    number = _TALLY - (keys & _TALLY)
    names = torch.cat([soup.numbers, soup.numbers.new_full((1,), -1)])
    which = names[torch.where(keys > 0, number, len(soup.numbers))]
    shape = (layers, len(points), side, side)
    return near.view(shape).transpose(0, 1), which.view(shape).transpose(0, 1)


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Triangles of all frames on the screen, one after another, and the samples they may cover."""

    corners: Tensor
    """(k, 3, 3)"""
    low: Tensor
    """(k, 2) first column and row"""
    high: Tensor
    frame: Tensor
    number: Tensor
    """(k,) in the soup"""
    steps: Tensor
    """(k, 4) how the shares of the second and third corner change along x and y"""


def _boxes(soup: Soup, points: Tensor, side: int) -> _Boxes:
    frames, count = len(points), len(soup.triangles)
    corners = points[:, soup.triangles].reshape(-1, 3, 3)
    a, b, c = corners.unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    flat = corners[..., :2]
    low = torch.floor(flat.amin(1) - 0.5).clamp(min=0).long()
    high = torch.ceil(flat.amax(1) - 0.5).clamp(max=side - 1).long()
    kept = (area.abs() >= 1e-6) & (corners[..., 2].amin(1) > 0) & (high >= low).all(1)
    index = torch.nonzero(kept)[:, 0]
    a, b, c = (v[index] for v in (a, b, c))
    inverse = (1 / area[index])[:, None]
    ab, ac = b - a, c - a
    steps = torch.cat([ac[:, 1:2], ac[:, 0:1], ab[:, 1:2], ab[:, 0:1]], 1) * inverse
    tally = torch.arange(frames * count, device=points.device)[index]
    return _Boxes(corners[index], low[index], high[index], tally // count, tally % count, steps)


def _fragments(
    soup: Soup, points: Tensor, side: int, least: float, floor: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Flat places and keys of all samples that triangles cover and that count."""
    boxes = _boxes(soup, points, side)
    longest = (boxes.high - boxes.low).amax(1) + 1
    before = 0
    for box in _BOXES:
        chosen = torch.nonzero((longest <= box) & (longest > before))[:, 0]
        before = box
        for part in cast("Any", chosen).split(max(1, _TESTED // (box * box))):
            yield _covered(soup, boxes, part, (box, side, least), floor)


def _covered(
    soup: Soup, boxes: _Boxes, part: Tensor, how: tuple[int, int, float], floor: Tensor
) -> tuple[Tensor, Tensor]:
    box, side, least = how
    a, low, high, steps = (
        v[part] for v in (boxes.corners[:, 0], boxes.low, boxes.high, boxes.steps)
    )
    step = torch.arange(box, device=part.device)
    x, y = (low[:, i : i + 1] + step for i in (0, 1))
    fx, fy = (v.float() + 0.5 - a[:, i : i + 1] for i, v in ((0, x), (1, y)))
    second = (fx * steps[:, 0:1])[:, None, :] - (fy * steps[:, 1:2])[:, :, None]
    third = (fy * steps[:, 3:4])[:, :, None] - (fx * steps[:, 2:3])[:, None, :]
    first = 1 - second - third
    inside = torch.minimum(torch.minimum(first, second), third) >= float(EDGE)
    inside &= (x <= high[:, 0:1])[:, None, :] & (y <= high[:, 1:2])[:, :, None]
    which, row, column = torch.nonzero(inside, as_tuple=True)
    share = torch.stack([v[which, row, column] for v in (first, second, third)], 1)
    chosen = part[which]
    near = _blend(share, boxes.corners[chosen, :, 2])
    place = (boxes.frame[chosen] * side + y[which, row]) * side + x[which, column]
    number = boxes.number[chosen]
    kept = torch.nonzero((near > 0) & (near >= floor[place]))[:, 0]
    kept = kept[_opaque(soup, boxes, (chosen[kept], share[kept], near[kept]), least)]
    key = (near[kept].view(torch.int32).long() << 32) | (_TALLY - number[kept])
    return place[kept], key


def _blend(share: Tensor, values: Tensor) -> Tensor:
    return share[:, 0] * values[:, 0] + share[:, 1] * values[:, 1] + share[:, 2] * values[:, 2]


def _opaque(
    soup: Soup, boxes: _Boxes, found: tuple[Tensor, Tensor, Tensor], least: float
) -> Tensor:
    """(n,) whether the texture is opaque enough there."""
    chosen, share, near = found
    number = boxes.number[chosen]
    level = soup.level[number]
    clear = torch.nonzero(level >= -1)[:, 0]
    result = level < -1
    if len(clear):
        number = number[clear]
        seen = share[clear] * boxes.corners[chosen[clear], :, 2] / near[clear, None]
        texel = soup.texels[soup.texel_triangles[number]]
        height, width = soup.clear.shape
        column = _blend(seen, texel[..., 0]).long().clamp(0, width - 1)
        row = _blend(seen, texel[..., 1]).long().clamp(0, height - 1)
        opacity = soup.clear[row, column].float() / 255
        result[clear] = (opacity - level[clear]) * soup.gain[number] >= least
    return result
