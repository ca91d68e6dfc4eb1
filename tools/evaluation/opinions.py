"""What else is said of a picture beside `engines.scores`, by networks that may be missing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from engines import scores
from engines.vision import grey, remapped, resized
from streamer.errors import ConfigError, MediaError
from streamer.frame import Array, Image, Landmarks
from tools.evaluation.identity import Identity

FILE = "squeezenet1_1_notop.npz"
_REGION = 1.35
"""Side of the region around a face, in its own."""


_GMSD_C = 170.0
"""Keeps what is flat in both pictures from counting."""
_cv2 = cast("Any", cv2)
Distance = Callable[[Image, Image], float]
"""Of two pictures (h, w, 3) of one size, 0 when they are equal."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """The networks at hand."""

    perceptual: Distance | None = None
    identity: Identity | None = None
    missing: tuple[str, ...] = ()
    """what cannot be measured, and why, a sentence each"""

    @classmethod
    def at_hand(
        cls, perceptual: Path | None, identity: Path | None, shared: Path | None
    ) -> "Opinions":
        """Those that are named, or lie in the shared folder. ConfigError when a named one fails."""
        missing: list[str] = []
        place = perceptual or (shared / "models" / FILE if shared else Path(FILE))
        seen: Distance | None = None
        try:
            seen = _perceptual(place)
        except (ConfigError, MediaError) as error:
            if perceptual is not None:
                raise ConfigError(f"--perceptual: {error}") from error
            missing.append(f"no perceptual distance: {error}")
        if identity is None:
            missing.append(
                "no identity: no recognition network is named; --identity MODEL.onnx takes one"
            )
        known = None if identity is None else Identity(identity)
        return cls(seen, known, tuple(missing))

    def beside(self, output: Image, truth: Image, landmarks: Landmarks) -> dict[str, float]:
        """Scores of a picture beside the true one, whose landmarks these are."""
        region = scores.Region.around(landmarks, truth.shape, _REGION)
        a, b = region.cut(output), region.cut(truth)
        found = {"l1_region": scores.l1(a, b, np.ones(b.shape[:2], np.bool_))}
        found["gmsd"] = gradient_deviation(a, b)
        if self.perceptual is not None:
            found["perceptual"] = self.perceptual(a, b)
        return found

    def likeness(self, source: tuple[Image, Landmarks], output: Image, face: Landmarks) -> float:
        """Cosine of two faces under the recognition network; NaN where there is none."""
        if self.identity is None:
            return float("nan")
        return float(self.identity.embed(*source) @ self.identity.embed(output, face))


def gradient_deviation(a: Image, b: Image) -> float:
    """How unevenly the edges of two pictures (h, w, 3) of one size differ; 0 when they are equal.

    GMSD (Xue et al. 2014), times 100: no network, and in no training's loss.
    """
    one, two = (_steepness(picture) for picture in (a, b))
    alike = (2 * one * two + _GMSD_C) / (one**2 + two**2 + _GMSD_C)
    return 100 * float(alike.std())


def _steepness(picture: Image) -> Array:
    """(h/2, w/2) size of the luma's gradient, by Prewitt's filter at half size."""
    small = grey(picture)
    small = resized(small, (small.shape[1] // 2, small.shape[0] // 2))
    ones, slope = np.ones(3, np.float32) / 3, np.array([1, 0, -1], np.float32)
    across, down = (_cv2.sepFilter2D(small, -1, *pair) for pair in ((slope, ones), (ones, slope)))
    return np.sqrt(across**2 + down**2)


def _perceptual(path: Path) -> Distance:
    """The distance by the network in this file; MediaError or ConfigError without it or torch."""
    try:
        import torch

        from tools.perceptual import Perceptual
    except ImportError as error:
        raise ConfigError("torch is not installed; run: pip install '.[train]'") from error
    network = Perceptual(path)

    def distance(a: Image, b: Image) -> float:
        both = np.stack([a, b]).transpose(0, 3, 1, 2).astype(np.float32) / 255
        with torch.inference_mode():
            pair = cast("Any", torch).from_numpy(both)
            return float(network(pair[:1], pair[1:]))

    return distance


def flicker(
    outputs: tuple[Image, Image], truths: tuple[Image, Image], landmarks: Landmarks
) -> tuple[float, float]:
    """What changes from one picture to the next in the face, motion taken out, in 1/255.

    Of the output and of the truth, both by the flow that leads from the true picture, whose
    landmarks these are, to the one before: at the same speed of motion, whatever made the output.
    """
    region = scores.Region.around(landmarks, truths[1].shape, _REGION)
    before, after = (region.cut(one) for one in truths)
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    to, back = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (after, before))
    flow = finder.calc(to, back, cast("Any", None))
    y, x = np.mgrid[: after.shape[0], : after.shape[1]].astype(np.float32)
    grid = (np.dstack([x, y]) + np.asarray(flow, np.float32)).astype(np.float32)
    face = scores.hull_mask(region.place(landmarks), after.shape)

    def left(first: Image, second: Image) -> float:
        moved = remapped(first, grid, cv2.BORDER_REPLICATE, cv2.INTER_LINEAR)
        return scores.l1(moved, second, face)

    return left(*(region.cut(one) for one in outputs)), left(before, after)
