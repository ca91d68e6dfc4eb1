"""A short video of everything beside everything: source, driver, and what each method makes."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from streamer.clock import SECOND
from streamer.frame import Image, Landmarks
from streamer.sink.file import VideoWriter
from tools.sheet import grid, labelled, square_around

SECONDS = 2.0
"""Of each clip and pair."""
_FPS = 25.0
_CELL, _FACTOR = 240, 2.1


class Reel:
    """The video while it is being made."""

    def __init__(self, writer: VideoWriter, columns: int) -> None:
        self._writer, self._columns = writer, columns
        self._now_ns = 0

    def play(self, strips: Mapping[str, Sequence[Image]], fps: float) -> None:
        """Add cells side by side, one strip for each column, all of one length."""
        names = [*strips]
        for cells in zip(*strips.values(), strict=True):
            row = [labelled(cell, name) for cell, name in zip(cells, names, strict=True)]
            row += [np.zeros_like(row[0])] * (self._columns - len(row))
            self._writer.write(grid([row], gap=0), self._now_ns)
            self._now_ns += round(SECOND / fps)


@contextmanager
def open_reel(path: Path | None, columns: int) -> Generator[Reel | None]:
    """A video of rows of so many cells; None where no file is named. MediaError as its writer."""
    if path is None:
        yield None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    height = labelled(np.zeros((_CELL, _CELL, 3), np.uint8), "").shape[0]
    with VideoWriter(path, _CELL * columns, height, _FPS) as writer:
        yield Reel(writer, columns)


def cell(picture: Image, around: Landmarks) -> Image:
    """A cell of a strip."""
    return square_around(picture, around, _FACTOR, _CELL)
