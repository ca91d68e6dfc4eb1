"""What travels between the stages: images, landmarks, motions, shots, and the capture instant."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
U = TypeVar("U")

Image = NDArray[np.uint8]
"""(H, W, 3) RGB, C-contiguous."""

Landmarks = NDArray[np.float32]
"""(478, 3) MediaPipe face points: x right and y down in pixels of their image, z away from the
camera in the scale of x."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """A value on its way, with its number and the monotonic instant its image was captured."""

    value: T
    seq: int
    captured_ns: int

    def carry(self, value: U) -> "Timed[U]":
        """The same frame, one stage later."""
        return Timed(value, self.seq, self.captured_ns)


@dataclass(frozen=True, slots=True)
class Motion:
    """How the portrait moves in one frame, in its own units. It holds no pixel of the driver.

    Lengths are in face widths of the portrait, in its head frame (x to the picture's right, y
    down, z away from the viewer). Left and right are those of the picture.
    """

    rotation: Array
    """(3, 3) turn of the head relative to the portrait's own pose, about its neck."""
    translation: Array
    """(2,) shift of the head in the picture, in face widths."""
    scale: float
    """Size of the head relative to the portrait's own."""
    deltas: Array
    """(468, 3) displacement of each face point from the portrait's neutral face."""
    openness: Array
    """(2,) lids of the left and right eye: 0 shut, 1 as in the driver's neutral, above 1 wide."""
    gaze: Array
    """(2,) shift of the irises from straight ahead, in half eye widths, x right and y down."""
    aperture: float
    """Distance of the inner lips at their middle, in mouth widths; exactly 0 when they touch."""
    jaw: float
    """Drop of the lower jaw, in face widths."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What one picture shows: a portrait in motion, or a card in its place."""

    portrait: str
    """Name of the portrait that the motion was made for."""
    motion: Motion
    card: str | None = None
    """Words on the card that is shown instead; None shows the portrait."""
