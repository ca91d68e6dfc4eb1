"""What is computed for every frame, as one graph: see the region, refine it, lay it on the picture.

In both of its forms coordinates, samplers and the last blend are FP32, whatever the refiner is. No
height or width of the picture is a constant of form `picture`, so that one file serves all boxes.
In here pictures are (B, channels, h, w) FP32 of 0..255, grids (B, h, w, 2) in the sampler's -1..1.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.contract import NOWHERE, centres

Given = Mapping[str, Tensor]
"""the graph's inputs by name, as `contract.inputs` lists them"""

COARSE, FINE = 32.0, 5.0
"""How far the two flows reach, in px of the net's view."""
SHUT = -2.0
"""Added to the gate's number: nearly closed at first, it learns all the same."""
_SOFT = 8.0
"""One part in so many of the region's half is where changes fade out."""
_STRETCH = 2.0
"""Greatest logarithm of a change of area that is shown."""
_JUMP = 12.0
"""Texture px between the neighbours of a pixel from which on one surface ends there."""
_LEVELS_A_PX, _LEVELS_OF_PAINT = 8.0, 4.0
"""In the gates: for a px of flow, and for each level by which the paint changes a colour most."""


class Changes(NamedTuple):
    """What is done to the picture, in the net's view."""

    paint: Tensor
    """(B, 3, N, N) what is added to the colours, by the gate, -255..255"""
    gate: Tensor
    """(B, 1, N, N) share of the paint that is laid on, 0..1"""
    gain: Tensor
    """(B, 1, N, N) share by which what is there is brightened, -1..1"""
    flow: Tensor
    """(B, 2, N, N) how far away each pixel is fetched, in halves of the region"""


class FromPicture(nn.Module):
    """The graph in form `picture`: it refines a picture that is drawn already."""

    own: Tensor
    fade: Tensor

    def __init__(self, refiner: nn.Module, side: int) -> None:
        super().__init__()
        own = torch.tensor(centres(side))
        self.refiner, self.side = refiner, side
        self.register_buffer("own", own, persistent=False)
        self.register_buffer("fade", (_SOFT * (1 - own.abs())).clamp(0, 1), persistent=False)

    def forward(self, given: Given) -> tuple[Tensor, Tensor]:
        """The refined picture (B, h, w, 3) and its gates (B, N, N, 3), uint8."""
        picture, gates = self.refined(planar(given["picture"]), given)
        return interleaved(picture), interleaved(gates)

    def refined(self, picture: Tensor, given: Given) -> tuple[Tensor, Tensor]:
        """The same of `picture` (B, 3, h, w), before anything is rounded."""
        planes = self.planes(picture, given)
        kind = next(self.refiner.parameters()).dtype
        fine, coarse = self.refiner(planes.to(kind), given["film"].to(kind))
        changes = self.changes(fine.float(), coarse.float())
        return laid_on(picture, changes, given), self._gates(changes)

    def planes(self, picture: Tensor, given: Given) -> Tensor:
        """What the refiner sees: (B, 20, N, N), about -1..1."""
        picture_places = given["places"].permute(0, 3, 1, 2)
        grid = self._seen(given)
        places = sampled(picture_places, grid)
        across = sampled(picture_places, self._seen(given, across=1.0)) - places
        down = sampled(picture_places, self._seen(given, down=1.0)) - places
        guide = sampled(planar(given["guide"]), textured(places, given))
        normal = guide[:, 1:] / 127.5 - 1
        turned = _turned(normal, given["rotation"])
        marks = planar(given["marks"])
        colours = [
            sampled(picture, grid) / 255,
            planar(given["rest"]) / 255,
            sampled(planar(given["layers"]), grid) / 255,
            guide[:, :1] / 255,
        ]
        geometry = [
            self._stretch(across, down, given),
            turned,
            turned[:, :2] - normal[:, :2],
            marks[:, :2] / 128 - 1,
            marks[:, 2:] / 255,
        ]
        return torch.cat([*colours, *geometry], 1)

    def _seen(self, given: Given, across: float = 0.0, down: float = 0.0) -> Tensor:
        """The grid of the net's pixels in the picture, so many of them further."""
        centre, half = _region(given)
        x, y = self.own + 2 * across / self.side, self.own + 2 * down / self.side
        return _grid(centre[:, :1] + half[:, :1] * x, centre[:, 1:] + half[:, 1:] * y)

    def _stretch(self, across: Tensor, down: Tensor, given: Given) -> Tensor:
        """How much smaller the texture is seen than in px of the picture: a logarithm of areas.

        `across` and `down` (B, 2, N, N): how far away in the texture the net's next px are.
        """
        # not as the difference of two products of slices: TensorRT-RTX 1.7.1 fails on that with an
        # error of its own
        signs = across.new_tensor([1.0, -1.0])[:, None, None]
        area = (across * down.flip(1) * signs).sum(1, keepdim=True)
        # the first centre is at 1 / count - 1, so the picture's size is known without its shape
        _, half = _region(given)
        width, height = 1 / (1 + given["across"][:1]), 1 / (1 + given["down"][:1])
        usual = half[:, :1] * half[:, 1:] * width * height / self.side**2
        return (area.abs() / usual[..., None, None]).log().clamp(-_STRETCH, _STRETCH)

    def changes(self, fine: Tensor, coarse: Tensor) -> Changes:
        """What the refiner's numbers mean; all of it ends at the region's border."""
        fade = (self.fade[:, None] * self.fade).flatten()
        grid = _grid(self.own[None], self.own[None])
        far = sampled(torch.tanh(coarse), grid.expand(coarse.shape[0], -1, -1, -1)).flatten(2)
        # in rows of numbers, or OpenVINO would take them as pixels of 7 channels and be slow
        rgb, alpha, gain, near = torch.split(fine.flatten(2), [3, 1, 1, 2], 1)
        gate = torch.sigmoid(alpha + SHUT) * fade
        gain = torch.tanh(gain) * fade
        flow = (COARSE * far + FINE * torch.tanh(near)) * (2 / self.side) * fade
        side = (self.side, self.side)
        return Changes(
            (255 * torch.tanh(rgb) * gate).unflatten(2, side),
            gate.unflatten(2, side),
            gain.unflatten(2, side),
            flow.unflatten(2, side),
        )

    def _gates(self, changes: Changes) -> Tensor:
        px = changes.flow * (_LEVELS_A_PX * self.side / 2)
        paint = changes.paint.abs().amax(1, keepdim=True) * _LEVELS_OF_PAINT
        length = (px[:, :1] * px[:, :1] + px[:, 1:] * px[:, 1:]).sqrt()
        return torch.cat([paint, 127.5 + 127.5 * changes.gain, length], 1)


class FromSource(nn.Module):
    """The graph in form `source`: it draws the picture, and then does as form `picture` does."""

    def __init__(self, refiner: nn.Module, side: int) -> None:
        super().__init__()
        self.refine = FromPicture(refiner, side)

    def forward(self, given: Given) -> tuple[Tensor, Tensor]:
        """The refined picture (B, h, w, 3) and its gates (B, N, N, 3), uint8."""
        picture, gates = self.refine.refined(drawn(given), given)
        return interleaved(picture), interleaved(gates)


def drawn(given: Given) -> Tensor:
    """The person moved, over the plate, eyes and mouth over that: (B, 3, h, w), whole numbers."""
    places = given["places"]
    grid = textured(places.permute(0, 3, 1, 2), given)
    person = sampled(planar(given["texture"]), grid, mode="bicubic")
    here = (places[..., 0] > NOWHERE / 2)[:, None]
    person = (person + 0.5).floor().clamp(0, 255) * here
    picture = over(person, planar(given["plate"]))
    return over(planar(given["layers"]), softened(picture, places))


def over(premultiplied: Tensor, plate: Tensor) -> Tensor:
    """Lay (B, 4, h, w) over (B, 3, h, w), rounded as `raster.blend_over` does."""
    rest = 255 - premultiplied[:, 3:]
    part = ((plate * rest + 127.5) / 255).floor()
    return (premultiplied[:, :3] + part).clamp(max=255)


def softened(picture: Tensor, places: Tensor) -> Tensor:
    """Smooth the stairs (B, 3, h, w) where one surface ends, as `raster.soften_breaks` does."""
    across = (places[:, 1:-1, 2:] - places[:, 1:-1, :-2]).abs().sum(3)
    down = (places[:, 2:, 1:-1] - places[:, :-2, 1:-1]).abs().sum(3)
    jump = torch.maximum(across, down)[:, None]
    breaks = (jump > _JUMP) & (jump < -NOWHERE / 2)
    inner = picture[:, :, 1:-1, 1:-1]
    side = picture[:, :, 1:-1, 2:] + picture[:, :, 1:-1, :-2]
    tall = picture[:, :, 2:, 1:-1] + picture[:, :, :-2, 1:-1]
    soft = ((4 * inner + side + tall + 4) / 8).floor()
    return picture + functional.pad((soft - inner) * breaks, (1, 1, 1, 1))


def laid_on(picture: Tensor, changes: Changes, given: Given) -> Tensor:
    """The `picture` (B, 3, h, w), moved, brightened and painted where the region is.

    Where the changes are 0, so is the difference.
    """
    across, down = given["across"][None], given["down"][None]
    centre, half = _region(given)
    net = _grid((across - centre[:, :1]) / half[:, :1], (down - centre[:, 1:]) / half[:, 1:])
    flow = sampled(changes.flow * half[..., None, None], net, beyond="zeros")
    grid = _grid(across, down) + flow.permute(0, 2, 3, 1)
    base = sampled(picture, grid, mode="bicubic").clamp(0, 255)
    more = sampled(changes.gain, net, beyond="zeros")
    paint = sampled(changes.paint, net, beyond="zeros")
    return (base + base * more + paint).clamp(0, 255)


def planar(picture: Tensor) -> Tensor:
    """uint8 (B, h, w, channels) as FP32 (B, channels, h, w)."""
    return picture.float().permute(0, 3, 1, 2)


def interleaved(picture: Tensor) -> Tensor:
    """FP32 (B, channels, h, w) as uint8 (B, h, w, channels)."""
    return picture.clamp(0, 255).round().permute(0, 2, 3, 1).to(torch.uint8)


def sampled(
    picture: Tensor, grid: Tensor, mode: str = "bilinear", beyond: str = "border"
) -> Tensor:
    """(B, channels, ...) of `picture` at `grid`; beyond its border its outermost px, or zeros."""
    return functional.grid_sample(picture, grid, mode, beyond, align_corners=False)


def textured(places: Tensor, given: Given) -> Tensor:
    """The grid (B, h, w, 2) for places (B, 2, h, w) in px of the texture."""
    extent = given["extent"][..., None, None]
    return ((2 * places + 1) / extent - 1).permute(0, 2, 3, 1)


def _region(given: Given) -> tuple[Tensor, Tensor]:
    """Its centre and half sides, (B, 2) each."""
    return given["region"][:, :2], given["region"][:, 2:]


def _grid(across: Tensor, down: Tensor) -> Tensor:
    """(B, h, w, 2) of columns (B, w) and rows (B, h).

    Written in rows of 2 w numbers: broadcast to pairs, OpenVINO fills them one pair at a time.
    """
    none = torch.zeros_like(across)
    x = torch.stack([across, none], 2).flatten(1)  # x 0 x 0 ...
    y = torch.stack([none, none + 1], 2).flatten(1)  # 0 1 0 1 ...
    return torch.unflatten(x[:, None] + y[:, None] * down[..., None], 2, (-1, 2))


def _turned(normal: Tensor, rotation: Tensor) -> Tensor:
    """(B, 3, N, N), by (B, 3, 3); written out, as a product of matrices would be rounded more."""
    columns = rotation[..., None, None].unbind(2)  # (B, 3, 1, 1) each
    x, y, z = (column * normal[:, i : i + 1] for i, column in enumerate(columns))
    return x + y + z
