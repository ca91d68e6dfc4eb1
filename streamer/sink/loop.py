"""A short loop for a web page or a chat: GIF or animated WebP."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image as Pillow

from streamer.clock import MS
from streamer.colour import resize
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.output import cannot_write, replacing

LOOP_SUFFIXES = (".gif", ".webp")
"""Names a loop can end in."""
_PERIOD_MS = 80
"""12.5 pictures a second, in the hundredths of a second that GIF counts in."""
_MAX_WIDTH = 480
_MAX_FRAMES = 100
"""8 s; at 480 x 480 these are 70 MB until the loop is written."""
_PALETTE_FRAMES = 12
_WEBP_QUALITY = 80


class LoopWriter:
    """The first seconds of a clip, repeated for ever; written when the `with` block ends well."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        scale = min(1.0, _MAX_WIDTH / width)
        self._path = path
        self._size = max(1, round(width * scale)), max(1, round(height * scale))
        self._images: list[Image] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._part = self._stack.enter_context(replacing(self._path))
        return self

    def write(self, image: Image, pts_ns: int) -> None:
        """Keep the picture for every instant of the loop that has come."""
        while len(self._images) * _PERIOD_MS * MS <= pts_ns and len(self._images) < _MAX_FRAMES:
            self._images.append(resize(image, *self._size))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack as stack:
            if error is not None:
                stack.__exit__(kind, error, trace)
            elif not self._images:
                raise MediaError(f"{self._path}: there was no picture to write")
            else:
                self._save()

    def _save(self) -> None:
        pictures = [Pillow.fromarray(image) for image in self._images]
        options: dict[str, Any] = {"format": "WEBP", "quality": _WEBP_QUALITY, "method": 4}
        if self._path.suffix.lower() == ".gif":
            palette = _palette(self._images)
            pictures = [picture.quantize(palette=palette) for picture in pictures]
            options = {"format": "GIF", "optimize": False, "disposal": 1}
        options |= {"save_all": True, "append_images": pictures[1:], "duration": _PERIOD_MS}
        try:
            pictures[0].save(self._part, loop=0, **options)
        except OSError as error:
            raise cannot_write(self._path, error) from error


def _palette(images: list[Image]) -> Pillow.Image:
    """One palette for the whole loop, so that colours do not flicker from picture to picture."""
    step = max(1, len(images) // _PALETTE_FRAMES)
    sheet = np.concatenate([image[::2, ::2] for image in images[::step]])
    return Pillow.fromarray(sheet).quantize(255, method=Pillow.Quantize.MEDIANCUT)
