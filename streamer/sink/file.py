"""Moving pictures into a file: H.264 with the driver's sound, whole or not at all."""

import contextlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.colour import to_yuv
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.output import cannot_write, replacing
from streamer.sink.audio import AudioTrack, open_audio
from streamer.sink.mux import add_h264, mux_frame
from streamer.video import Clip

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
VIDEO_SUFFIXES = tuple(_CONTAINERS)
"""Names a video file can end in."""
_TICK = Fraction(1, 90_000)
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
        self._shape = (height, width, 3)
        self._fps = Fraction(fps).limit_denominator(1001)
        self._source = audio
        # Without B-frames each is decoded in the order of its instant, so that every player keeps
        # the instants, whatever it makes of edit lists.
        self._options = {"crf": str(crf), "preset": preset, "bf": "0"}
        self._tick_s = _TICK if audio is None or audio.tick_s < _FINEST_TICK else audio.tick_s
        self._period = max(1, round(1 / (self._fps * self._tick_s)))
        self._last = -1
        self._stack = ExitStack()
        self._reformatter = VideoReformatter()

    def __enter__(self) -> Self:
        kind = _CONTAINERS.get(self._path.suffix.lower())
        if kind is None:
            known = ", ".join(VIDEO_SUFFIXES)
            raise MediaError(f"{self._path}: a video's name ends in one of {known}")
        if self._source is not None:
            check_not_input(self._path, self._source.path)
        with ExitStack() as stack:
            part = stack.enter_context(replacing(self._path))
            self._container = self._open(part, kind)
            stack.callback(_abandon, self._container)
            self._stream = self._video_stream()
            self._audio: AudioTrack | None = None
            if self._source is not None:
                self._audio = stack.enter_context(open_audio(self._container, self._source))
            self._stack = stack.pop_all()
        return self

    def write(self, image: Image, pts_ns: int) -> None:
        """Add a picture that is seen from `pts_ns` after the start. MediaError when it cannot."""
        if image.shape != self._shape:
            raise ValueError(f"the picture is {image.shape}, the file {self._shape}")
        frame = to_yuv(_even(image), self._reformatter)
        ticks = max(self._last + 1, round(Fraction(pts_ns, SECOND) / self._tick_s))
        frame.pts, frame.time_base, self._last = ticks, self._tick_s, ticks
        with self._writing():
            mux_frame(self._container, self._stream, frame, self._period)
            if self._audio is not None:
                self._audio.write_until(ticks * self._tick_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack as stack:
            if error is not None:
                stack.__exit__(kind, error, trace)
            elif self._last < 0:
                raise MediaError(f"{self._path}: there was no picture to write")
            else:
                self._finish()

    def _finish(self) -> None:
        with self._writing():
            mux_frame(self._container, self._stream, None, self._period)
            if self._audio is not None:
                self._audio.finish((self._last + self._period) * self._tick_s)
            self._container.close()

    def _open(self, part: Path, kind: str) -> OutputContainer:
        with self._writing():
            return av.open(f"file:{part}", "w", format=kind, options={"movflags": "+faststart"})

    def _video_stream(self) -> av.VideoStream:
        height, width, _ = self._shape
        stream = add_h264(self._container, self._fps, self._options)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._tick_s
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except (OSError, FFmpegError) as error:
            raise cannot_write(self._path, error) from error


class FileSink:
    """A sink whose pictures are written with the instants at which they came."""

    def __init__(self, writer: MovieWriter, clock: Clock = monotonic_ns) -> None:
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


def _even(image: Image) -> Image:
    """The picture with its last column and row repeated where needed, as yuv420p has even sizes."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _abandon(container: OutputContainer) -> None:
    """Close the file, whatever state it is in; closing twice does nothing."""
    with contextlib.suppress(OSError, FFmpegError):
        container.close()
