"""Pictures of the avatar, each with its number at both ends, so that the original is found."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from streamer.colour import to_rgb
from streamer.frame import Image

Images = NDArray[np.uint8]
"""(N, H, W, 3) RGB."""

CARD = 0
"""Number of the first picture, shown before the avatar."""
SIZE = 512
_BITS = 12
_BLOCK = 32
_HIGH = 16


def make(folder: Path, seconds: float = 3.0) -> Images:
    """The avatar `ada`, driven by the bundled clip, as the product draws it."""
    movie = folder / "ada.mp4"
    if not movie.exists():
        command = [sys.executable, "-m", "streamer", "animate", "ada", "demo", "--quiet"]
        options = ["--crop", "head", "--duration", str(seconds), "-o", str(movie)]
        subprocess.run([*command, *options], check=True)
    reformatter = VideoReformatter()
    with av.open(str(movie)) as container:
        images = [to_rgb(f, reformatter, SIZE, SIZE) for f in container.decode(video=0)]
    return np.stack([numbered(image, n) for n, image in enumerate(images, CARD + 1)])


def card(width: int = SIZE, height: int = SIZE) -> Image:
    """A plain picture, as the product shows before the avatar."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = 40, 60, 120
    return numbered(image, CARD)


def numbered(image: Image, number: int) -> Image:
    """The picture with its number as black and white blocks along its upper and lower edge."""
    image = image.copy()
    for bit in range(_BITS):
        value = 255 if number >> bit & 1 else 0
        columns = slice(bit * _BLOCK, (bit + 1) * _BLOCK)
        image[:_HIGH, columns] = image[-_HIGH:, columns] = value
    return image


def number_of(image: Image) -> int | None:
    """The number in a picture that was read; None when its ends disagree: it is mixed."""
    upper, lower = _ends(image)
    return upper if upper == lower else None


def _ends(image: Image) -> tuple[int, int]:
    return _number(image[_HIGH // 2]), _number(image[-_HIGH // 2])


def _number(row: NDArray[np.uint8]) -> int:
    middles = row[_BLOCK // 2 : _BITS * _BLOCK : _BLOCK].mean(axis=1)
    return sum(1 << bit for bit, value in enumerate(middles) if value > 128)


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of pictures on their way through the driver."""

    count: int
    distinct: int
    overtaken: int
    """Mixed of two that are one round of the driver's buffers apart: the reader was so late that
    the driver wrote over what it read. No writer can prevent that."""
    torn: int
    """Mixed in any other way."""
    difference: float
    """Greatest mean difference of a picture from its original, 0 to 255."""

    def __str__(self) -> str:
        return (
            f"{self.count} pictures, {self.distinct} distinct, {self.torn} torn, {self.overtaken}"
            f" overtaken, mean difference <= {self.difference:.2f}"
        )


def compare(read: list[Image], sent: Images, buffers: int) -> Compared:
    """Each picture that was read with the one of its number; the driver has so many buffers."""
    originals: dict[int, Image] = {CARD: card()}
    originals |= {CARD + 1 + n: sent[n] for n in range(len(sent))}
    whole: set[int] = set()
    overtaken, torn, difference = 0, 0, 0.0
    for image in read:
        upper, lower = _ends(image)
        if upper == lower and upper in originals:
            whole.add(upper)
            apart = np.abs(image.astype(np.int16) - originals[upper]).mean()
            difference = max(difference, float(apart))
        elif {upper, lower} <= set(originals) and _rounds(upper, lower, len(sent)) == buffers:
            overtaken += 1
        else:
            torn += 1
    return Compared(len(read), len(whole), overtaken, torn, difference if whole else 255.0)


def _rounds(first: int, second: int, period: int) -> int:
    """How many pictures lie between two numbers, which begin again after the last."""
    return min((first - second) % period, (second - first) % period)
