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
    """The number in a picture that was read; None when its ends disagree: it is torn."""
    upper, lower = _number(image[_HIGH // 2]), _number(image[-_HIGH // 2])
    return upper if upper == lower else None


def _number(row: NDArray[np.uint8]) -> int:
    middles = row[_BLOCK // 2 : _BITS * _BLOCK : _BLOCK].mean(axis=1)
    return sum(1 << bit for bit, value in enumerate(middles) if value > 128)


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of pictures on their way through the driver."""

    count: int
    distinct: int
    torn: int
    difference: float
    """Greatest mean difference of a picture from its original, 0 to 255."""

    def __str__(self) -> str:
        return (
            f"{self.count} pictures, {self.distinct} distinct, {self.torn} torn,"
            f" mean difference <= {self.difference:.2f}"
        )


def compare(read: list[Image], sent: Images) -> Compared:
    """Each picture that was read with the one of its number."""
    originals: dict[int | None, Image] = {CARD: card()}
    originals |= {CARD + 1 + n: sent[n] for n in range(len(sent))}
    numbers = [number_of(image) for image in read]
    torn = sum(1 for number in numbers if number not in originals)
    differences = [
        float(np.abs(image.astype(np.int16) - originals[number]).mean())
        for image, number in zip(read, numbers, strict=True)
        if number in originals
    ]
    return Compared(len(read), len(set(numbers) - {None}), torn, max(differences, default=255.0))
