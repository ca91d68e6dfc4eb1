"""Batches made different each time they are seen: mirrored, in another light, noisy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.contract import FILM, Size, centres
from tools.training.teacher import EVERY, STEPS, UNKNOWN


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sees."""

    given: dict[str, Tensor]
    """the inputs of form `picture`; the region is the middle of the picture, or all of it"""
    picture: Tensor
    """(B, 3, h, w) 0..255 as drawn"""
    truth: Tensor
    """(B, 3, h, w) 0..255"""
    known: Tensor
    """(B, 1, h, w) 1 where the truth is known and counts"""
    left: Tensor
    """(B, 2, n, n) px that are left to be moved"""
    believed: Tensor
    """(B, 1, n, n) 1 where that is known"""
    real: Tensor
    """(B,) whether it is a photo; critics never see renders as real"""


def batch_of(arrays: Mapping[str, NDArray[Any]], size: Size, device: torch.device) -> Batch:
    """The arrays of `Samples.batch` as tensors, unchanged."""
    names = ("picture", "places", "layers", "marks", "rotation", "guide", "rest", "extent")
    given = {name: _tensor(arrays[name]).to(device) for name in names}
    count, side = arrays["picture"].shape[:2]
    part = arrays["marks"].shape[1] / side
    middle = _tensor(centres(side)).to(device)
    region = torch.tensor([0.0, 0.0, part, part], device=device).expand(count, 4)
    given |= {"across": middle, "down": middle, "region": region}
    given["film"] = torch.zeros(count, FILM[size], device=device)
    known = torch.zeros(count, 1, side, side)
    for i, (x0, y0, x1, y1) in enumerate(arrays["known"]):
        known[i, 0, y0:y1, x0:x1] = 1
    picture, truth = (
        _tensor(arrays[name]).to(device).permute(0, 3, 1, 2).float()
        for name in ("picture", "truth")
    )
    left = _tensor(arrays["left"]).to(device).permute(0, 3, 1, 2).float()
    whole = torch.nn.functional.avg_pool2d(inner(known, arrays["marks"].shape[1]), EVERY)
    believed = ((left[:, :1] != UNKNOWN) & (whole.to(device) == 1)).float()
    real = _tensor(arrays["real"]).to(device)
    return Batch(given, picture, truth, known.to(device), left * believed / STEPS, believed, real)


def _tensor(array: NDArray[Any]) -> Tensor:
    return cast("Any", torch).from_numpy(array)


def inner(picture: Tensor, side: int) -> Tensor:
    """The middle (B, C, side, side) of a picture: a window without its margin."""
    edge = (picture.shape[2] - side) // 2
    return picture[:, :, edge : edge + side, edge : edge + side]


def varied(batch: Batch, rng: np.random.Generator) -> Batch:
    """Another view of the batch: half of it mirrored, colours shifted, the input noisy."""
    if rng.random() < 0.5:
        batch = mirrored(batch)
    if rng.random() < 0.5:
        batch = _lit(batch, rng)
    return _noisy(batch, rng)


def mirrored(batch: Batch) -> Batch:
    """All of it as a mirror shows it."""
    given = dict(batch.given)
    for name in ("layers", "marks", "rest", "guide"):
        given[name] = given[name].flip(2)
    guide = given["guide"].clone()
    guide[..., 1] = 255 - guide[..., 1]  # x of the normals
    places = given["places"].flip(2).clone()
    there = places[..., 0] > -1e4
    width = given["extent"][:, :1, None]
    places[..., 0] = torch.where(there, width - 1 - places[..., 0], places[..., 0])
    turn = torch.tensor([[1.0, -1, -1], [-1, 1, 1], [-1, 1, 1]], device=places.device)
    given |= {"guide": guide, "places": places, "rotation": given["rotation"] * turn}
    return replace(
        batch,
        given=given,
        picture=batch.picture.flip(3),
        truth=batch.truth.flip(3),
        known=batch.known.flip(3),
        left=batch.left.flip(3) * batch.left.new_tensor([-1.0, 1.0])[:, None, None],
        believed=batch.believed.flip(3),
    )


def _lit(batch: Batch, rng: np.random.Generator) -> Batch:
    """Each sample in light of its own colour and strength, the same for input and truth."""
    count, device = len(batch.picture), batch.picture.device

    def lots(low: float, high: float, *shape: int) -> Tensor:
        drawn = _tensor(rng.uniform(low, high, (count, *shape)).astype(np.float32))
        return drawn.to(device)

    gain = lots(0.75, 1.25, 1, 1, 1) * lots(0.9, 1.1, 3, 1, 1)
    lift, power = lots(-12, 12, 1, 1, 1), lots(0.8, 1.25, 1, 1, 1)
    grey = lots(-0.4, 1.0, 1, 1, 1).clamp(min=0)

    def shown(picture: Tensor) -> Tensor:
        value = ((picture / 255).clamp(1e-4, 1) ** power * 255 * gain + lift).clamp(0, 255)
        mean = value.mean(1, keepdim=True)
        return value + grey * (mean - value) * 0.5

    given = dict(batch.given)
    given["rest"] = _bytes(shown(given["rest"].permute(0, 3, 1, 2).float()).permute(0, 2, 3, 1))
    layers = given["layers"].permute(0, 3, 1, 2).float()
    cover = layers[:, 3:]
    bare = layers[:, :3] / (cover / 255).clamp(min=1e-3)
    laid = shown(bare.clamp(0, 255)) * cover / 255
    given["layers"] = _bytes(torch.cat([laid, cover], 1).permute(0, 2, 3, 1))
    return replace(batch, given=given, picture=shown(batch.picture), truth=shown(batch.truth))


def _noisy(batch: Batch, rng: np.random.Generator) -> Batch:
    """Grain on what comes in, in half of all batches."""
    if rng.random() < 0.5:
        return batch
    strength = float(rng.uniform(0.5, 4))
    grain = torch.randn_like(batch.picture) * strength
    return replace(batch, picture=(batch.picture + grain).clamp(0, 255))


def _bytes(picture: Tensor) -> Tensor:
    return picture.clamp(0, 255).round().to(torch.uint8)
