"""Which writer a file's name asks for."""

from contextlib import AbstractContextManager
from pathlib import Path

from streamer.errors import MediaError
from streamer.sink.file import VIDEO_SUFFIXES, MovieWriter, VideoWriter
from streamer.sink.loop import LOOP_SUFFIXES, LoopWriter
from streamer.video import Clip

MOVIE_SUFFIXES = VIDEO_SUFFIXES + LOOP_SUFFIXES
"""Names an output can end in."""


def open_movie(
    path: Path, width: int, height: int, fps: float, audio: Clip | None = None
) -> AbstractContextManager[MovieWriter]:
    """A writer for pictures of one size: a video, or a loop without sound, by the name's ending."""
    check_name(path)
    if path.suffix.lower() in LOOP_SUFFIXES:
        return LoopWriter(path, width, height)
    return VideoWriter(path, width, height, fps, audio)


def check_name(path: Path) -> None:
    """MediaError when the name's ending is none that can be written."""
    if path.suffix.lower() not in MOVIE_SUFFIXES:
        known = " ".join(MOVIE_SUFFIXES)
        raise MediaError(f"{path}: cannot write {path.suffix or 'this'}; end the name in {known}")
