"""An open virtual camera, whatever its system, and where pictures lie in what it shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streamer.colour import resize
from streamer.frame import Image


class Raw(Protocol):
    """What is used of the library's camera."""

    @property
    def device(self) -> str:
        """The device that it uses."""
        ...

    def send(self, frame: Image) -> None:
        """Show one picture of the camera's size. Says nothing when it cannot."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


Size = tuple[int, int]
"""Width and height in pixels."""

Open = Callable[[Size, int, str | None, str], Raw]
"""Opens size, pictures a second, device and the library's backend. RuntimeError when it cannot."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where pictures of one size lie in the camera's, which may be another."""

    width: int
    height: int
    camera_width: int
    camera_height: int

    @property
    def exact(self) -> bool:
        """Whether pictures go out as they are."""
        return (self.width, self.height) == (self.camera_width, self.camera_height)

    def place(self, image: Image) -> Image:
        """The whole picture, as large as it fits, black around it."""
        if self.exact:
            return np.ascontiguousarray(image)
        scale = min(self.camera_width / self.width, self.camera_height / self.height)
        width = max(1, min(self.camera_width, round(self.width * scale)))
        height = max(1, min(self.camera_height, round(self.height * scale)))
        left, top = (self.camera_width - width) // 2, (self.camera_height - height) // 2
        placed = np.zeros((self.camera_height, self.camera_width, 3), np.uint8)
        placed[top : top + height, left : left + width] = resize(image, width, height)
        return placed


@dataclass(frozen=True, slots=True)
class Opened:
    """A camera that is open, and what is known of it."""

    camera: Raw
    canvas: Canvas
    label: str
    check: Callable[[], None]
    """DeviceError when it is gone."""
    check_first: Callable[[], None]
    """DeviceError when the first picture did not arrive."""


def even(size: Size) -> Size:
    """I420 halves the colours: odd sizes become even."""
    width, height = size
    return width + width % 2, height + height % 2
