"""A video file as upright RGB pictures with their true instants."""

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from weakref import WeakSet

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from streamer.clock import SECOND
from streamer.colour import to_rgb
from streamer.demux import (
    audio_stream,
    check_size,
    decoded,
    frame_rate,
    has_instants,
    length_s,
    open_media,
    placed,
    rational,
    tick_s,
    video_stream,
)
from streamer.errors import MediaError
from streamer.frame import Image

_EARLY = Fraction(1, 2000)
"""A frame this many seconds before the start counts as at the start: files round their times."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip is, in its window: size after rotation, duration and frames as far as known."""

    width: int
    height: int
    fps: float
    duration_s: float | None
    frames: int | None
    has_audio: bool


class Clip:
    """A window of a video file, to be read again and again; each pass opens the file anew.

    `with` checks the file and fills `info`; MediaError for everything that is wrong with it.
    """

    def __init__(self, path: Path, start_s: float = 0.0, duration_s: float | None = None) -> None:
        duration = 1.0 if duration_s is None else duration_s
        if not (0 <= start_s < math.inf and 0 < duration < math.inf):
            raise MediaError(f"{path}: start must be 0 s or later and the duration above 0 s")
        self.path = path
        self._start = Fraction(start_s)
        self._duration = None if duration_s is None else Fraction(duration_s)
        self._probed: _Probed | None = None
        self._passes: WeakSet[Generator[tuple[int, Image]]] = WeakSet()

    def __enter__(self) -> Self:
        self._probed = self._probe()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for unfinished in list(self._passes):
            unfinished.close()
        self._probed = None

    @property
    def info(self) -> ClipInfo:
        """Size, rate and length."""
        return self._known.info

    @property
    def tick_s(self) -> Fraction:
        """The unit of the file's own timestamps, in seconds."""
        return self._known.tick_s

    @property
    def origin_s(self) -> Fraction:
        """The instant of the first frame delivered, on the clock that the file's audio shares."""
        return self._known.origin * self._known.tick_s

    def frames(self) -> Iterator[tuple[int, Image]]:
        """Ns since the first frame of the window, and the picture, which is the caller's own."""
        images = self._images(self._known)
        self._passes.add(images)
        return images

    @property
    def _known(self) -> "_Probed":
        if self._probed is None:
            raise ValueError("a Clip is read inside its `with` block")
        return self._probed

    def _images(self, known: "_Probed") -> Generator[tuple[int, Image]]:
        reformatter = VideoReformatter()
        tick_ns = known.tick_s * SECOND
        for ticks, frame in self._window(known.first, known.tick_s):
            try:
                image = known.view.image(frame, reformatter)
            except (FFmpegError, ValueError) as error:
                kind = frame.format.name
                raise MediaError(f"{self.path}: pixels of kind {kind} are not read") from error
            yield round((ticks - known.origin) * tick_ns), image

    def _probe(self) -> "_Probed":
        with open_media(self.path) as container:
            stream = video_stream(container, self.path)
            head = next(placed(decoded(container, stream), stream), None)
            if head is None:
                raise MediaError(
                    f"{self.path}: not one frame can be decoded; the file is damaged or cut off"
                )
            first, frame = head
            view = _view(stream, frame)
            check_size(view.width, view.height, self.path)
            tick, rate, length = tick_s(stream), frame_rate(stream), length_s(container, stream)
            counted = 0 if self._start or self._duration else stream.frames
            has_audio = audio_stream(container) is not None
        origin = next((ticks for ticks, _ in self._window(first, tick)), None)
        if origin is None:
            lasts = "" if length is None else f", the video lasts {length:.1f} s"
            raise MediaError(
                f"{self.path}: no frame at {float(self._start):g} s{lasts}; choose an earlier start"
            )
        length = self._within(length)
        frames = counted or (None if length is None else round(length * rate))
        info = ClipInfo(view.width, view.height, rate, length, frames, has_audio)
        return _Probed(info, tick, first, origin, view)

    def _within(self, length: float | None) -> float | None:
        """The seconds that the window leaves of `length`."""
        rest = math.inf if length is None else max(0.0, length - float(self._start))
        kept = min(rest, math.inf if self._duration is None else float(self._duration))
        return None if math.isinf(kept) else kept

    def _window(self, first: int, tick: Fraction) -> Iterator[tuple[int, av.VideoFrame]]:
        begin = first + max(0, math.ceil((self._start - _EARLY) / tick))
        end = None
        if self._duration is not None:
            end = first + math.ceil((self._start + self._duration - _EARLY) / tick)
        for ticks, frame in self._near(begin, first):
            if end is not None and ticks >= end:
                return
            if ticks >= begin:
                yield ticks, frame

    def _near(self, begin: int, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decoded frames from a little before `begin`, or from the start where seeking fails."""
        with open_media(self.path) as container:
            stream = video_stream(container, self.path)
            if begin > first and _sought(container, stream, begin):
                frames = placed(decoded(container, stream), stream)
                head = next(frames, None)
                if head is not None and head[0] <= begin:
                    yield from chain([head], frames)
                    return
        with open_media(self.path) as container:
            stream = video_stream(container, self.path)
            yield from placed(decoded(container, stream), stream)


def _sought(container: InputContainer, stream: VideoStream, ticks: int) -> bool:
    if not has_instants(stream):
        return False
    try:
        container.seek(ticks, stream=stream)
    except (FFmpegError, OverflowError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class _View:
    """How a decoded frame becomes what a player shows: scaled to square pixels, then turned."""

    across: int
    down: int
    transposed: bool
    flipped_x: bool
    flipped_y: bool

    @property
    def width(self) -> int:
        return self.down if self.transposed else self.across

    @property
    def height(self) -> int:
        return self.across if self.transposed else self.down

    def image(self, frame: av.VideoFrame, reformatter: VideoReformatter) -> Image:
        image = to_rgb(frame, reformatter, self.across, self.down)
        if self.transposed:
            image = image.transpose(1, 0, 2)
        image = image[:: -1 if self.flipped_y else 1, :: -1 if self.flipped_x else 1]
        return np.ascontiguousarray(image)


@dataclass(frozen=True, slots=True)
class _Probed:
    info: ClipInfo
    tick_s: Fraction
    first: int
    origin: int
    view: _View


def _view(stream: VideoStream, frame: av.VideoFrame) -> _View:
    across, down = frame.width, frame.height
    aspect = rational(stream.sample_aspect_ratio) or Fraction(1)
    if 1 < aspect <= 8:
        across = round(across * aspect)
    elif Fraction(1, 8) <= aspect < 1:
        down = round(down / aspect)
    side_data = cast("Mapping[Any, Any]", frame.side_data)
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return _View(across, down, transposed=False, flipped_x=False, flipped_y=False)
    # x' = a x + c y and y' = b x + d y, 16.16 fixed point; quarter turns and mirrors are honoured.
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _View(across, down, transposed=False, flipped_x=a < 0, flipped_y=d < 0)
    return _View(across, down, transposed=True, flipped_x=c < 0, flipped_y=b < 0)
