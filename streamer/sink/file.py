"""Moving pictures into a file: H.264 with the driver's sound, whole or not at all."""

import contextlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
from av.container import OutputContainer
from av.error import FFmpegError

from streamer.clock import Clock, monotonic_ns
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.output import cannot_write, replacing
from streamer.sink.audio import AudioTrack, open_audio
from streamer.sink.h264 import CONTAINERS, TICK_S, VIDEO_SUFFIXES, Pictures
from streamer.video import Clip

_FINEST_TICK = Fraction(1, 1_000_000)


class MovieWriter(Protocol):
    """Where the pictures of a finished clip go, with the instant of each."""

    def write(self, image: Image, pts_ns: int) -> None:
        """Add one picture, `pts_ns` after the first."""
        ...


class VideoWriter:
    """An H.264 file. It appears under its name when the `with` block ends well, and not otherwise.

    `audio` is the clip whose sound goes along, aligned to its first frame; its timestamps' unit is
    kept, so that what was exact stays exact.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float,
        audio: Clip | None = None,
        *,
        crf: int = 17,
        preset: str = "veryfast",
    ) -> None:
        self._path = path
        self._size = (width, height)
        self._fps = fps
        self._source = audio
        self._options = {"crf": str(crf), "preset": preset}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        kind = CONTAINERS.get(self._path.suffix.lower())
        if kind is None:
            known = ", ".join(VIDEO_SUFFIXES)
            raise MediaError(f"{self._path}: a video's name ends in one of {known}")
        source = self._source
        tick_s = TICK_S if source is None or source.tick_s < _FINEST_TICK else source.tick_s
        if source is not None:
            check_not_input(self._path, source.path)
        with ExitStack() as stack:
            part = stack.enter_context(replacing(self._path))
            self._container = self._open(part, kind)
            stack.callback(abandon, self._container)
            self._pictures = Pictures(
                self._container, *self._size, self._fps, self._options, tick_s
            )
            self._audio: AudioTrack | None = None
            if source is not None:
                self._audio = stack.enter_context(open_audio(self._container, source))
            self._stack = stack.pop_all()
        return self

    def write(self, image: Image, pts_ns: int) -> None:
        """Add a picture that is seen from `pts_ns` after the start. MediaError when it cannot."""
        with self._writing():
            self._pictures.write(image, pts_ns)
            if self._audio is not None:
                self._audio.write_until(self._pictures.last_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack as stack:
            if error is not None:
                stack.__exit__(kind, error, trace)
            elif self._pictures.empty:
                raise MediaError(f"{self._path}: there was no picture to write")
            else:
                self._finish()

    def _finish(self) -> None:
        with self._writing():
            self._pictures.finish()
            if self._audio is not None:
                self._audio.finish(self._pictures.end_s)
            self._container.close()

    def _open(self, part: Path, kind: str) -> OutputContainer:
        with self._writing():
            return av.open(f"file:{part}", "w", format=kind, options={"movflags": "+faststart"})

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except (OSError, FFmpegError) as error:
            raise cannot_write(self._path, error) from error


class FileSink:
    """A sink whose pictures are written with the instants at which they came."""

    def __init__(self, writer: MovieWriter, clock: Clock = monotonic_ns, label: str = "") -> None:
        self.label = label
        """The file."""
        self._writer = writer
        self._clock = clock
        self._first_ns: int | None = None

    def send(self, image: Image) -> None:
        """Write one picture."""
        now_ns = self._clock()
        if self._first_ns is None:
            self._first_ns = now_ns
        self._writer.write(image, now_ns - self._first_ns)


def check_not_input(output: Path, source: Path) -> None:
    """MediaError when writing `output` would destroy what is read from `source`."""
    if output.exists() and source.exists() and output.samefile(source):
        raise MediaError(f"{output}: this is the input; choose another name for the output")


def abandon(container: OutputContainer) -> None:
    """Close the file, whatever state it is in; closing twice does nothing."""
    with contextlib.suppress(OSError, FFmpegError):
        container.close()
