"""The part of the portrait's picture that is shown, and how large."""

from dataclasses import dataclass

import cv2
import numpy as np

from engines.vision import P, resized, warped
from streamer.config import GeneratorConfig
from streamer.frame import Array
from streamer.portrait import Portrait

_LONG_SIDE = 1080
_HEAD_CROP_PX = 512


@dataclass(frozen=True, slots=True)
class Canvas:
    """The part of the picture that is shown, and its size."""

    x: float
    y: float
    scale: float
    """output px per picture px"""
    width: int
    height: int

    def shown(self, image: P) -> P:
        """The same part of any picture of the portrait's size, in output pixels."""
        matrix = np.array(
            [[self.scale, 0, -self.x * self.scale], [0, self.scale, -self.y * self.scale]],
            np.float32,
        )
        matrix[:, 2] += (self.scale - 1) / 2
        if self.scale < 1:
            image = reduced(image, self.scale)
            shift = [[1, 0, -self.x * self.scale], [0, 1, -self.y * self.scale]]
            matrix = np.array(shift, np.float32)
        size = (self.width, self.height)
        return warped(image, matrix, size, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)

    def place(self, points: Array) -> Array:
        """(..., 3) picture coordinates -> output pixels (z in the same unit)."""
        shift = np.array([self.x - 0.5, self.y - 0.5, 0], np.float32)
        half = np.array([0.5, 0.5, 0], np.float32)
        return ((points - shift) * self.scale - half).astype(np.float32)


def canvas_of(config: GeneratorConfig, portrait: Portrait) -> Canvas:
    """The framing the config asks for; sides are even, as video wants them."""
    width, height = portrait.width, portrait.height
    x = y = 0.0
    if config.crop == "head":
        side = min(width, height, 3.1 * portrait.pose.scale)
        middle = portrait.pose.to_picture(np.array([[0.0, 0.12, 0.0]], np.float32))[0]
        x = float(np.clip(middle[0] - side / 2, 0, width - side))
        y = float(np.clip(middle[1] - side / 2, 0, height - side))
        width = height = side
    default = _HEAD_CROP_PX if config.crop == "head" else min(_LONG_SIDE, max(width, height))
    scale = (config.size or default) / max(width, height)
    return Canvas(x, y, scale, _even(width * scale), _even(height * scale))


def reduced(image: P, scale: float) -> P:
    """The picture made smaller; itself where `scale` is 1 or more."""
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return resized(image, size)


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)
