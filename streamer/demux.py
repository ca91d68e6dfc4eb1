"""One media file: opened safely, its streams, and its frames as far as they can be decoded."""

import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from streamer.errors import MediaError

_LOG = logging.getLogger(__name__)

MAX_SIDE = 8192
"""Longest side of a frame that is read, in pixels."""
_NOT_VIDEO = ("tty", "concat", "hls", "dash")
"""Formats that would draw a text file, or open other files than the one that was named."""


@contextmanager
def open_media(path: Path) -> Generator[InputContainer]:
    """The file, and only this file, opened for reading. MediaError when it cannot be played."""
    if not path.exists():
        raise MediaError(f"{path}: there is no such file")
    if not path.is_file():
        raise MediaError(f"{path}: this is not a file; name a video file")
    if path.stat().st_size == 0:
        raise MediaError(f"{path}: the file is empty")
    try:
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except PermissionError as error:
        raise MediaError(f"{path}: no permission to read it") from error
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: this is not a video, or it is damaged or cut off") from error
    with container:
        if any(name in _NOT_VIDEO for name in container.format.name.split(",")):
            raise MediaError(f"{path}: this is not a video; name a video file")
        yield container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first moving picture in the file; a cover picture is none."""
    streams = container.streams.video
    moving = [s for s in streams if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise MediaError(f"{path}: the file has no video; choose one that shows a face")
    context = cast("av.VideoCodecContext | None", moving[0].codec_context)
    if context is None:
        raise MediaError(f"{path}: the video's codec is not known; convert it to H.264")
    check_size(context.width, context.height, path)
    # Frame threads would lose different frames of a damaged file on each pass.
    context.thread_type = "SLICE"
    return moving[0]


def audio_stream(container: InputContainer) -> av.AudioStream | None:
    """The first audio stream that can be decoded, or None."""
    for stream in container.streams.audio:
        context = cast("av.AudioCodecContext | None", stream.codec_context)
        if context is not None and context.sample_rate > 0:
            return stream
    return None


def check_size(width: int, height: int, path: Path) -> None:
    """MediaError for a frame that is too large to read."""
    if max(width, height) > MAX_SIDE:
        raise MediaError(
            f"{path}: frames of {width} x {height};"
            f" at most {MAX_SIDE} px a side are read, scale the video down"
        )


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Every frame that can be decoded; damaged ones are passed over, a cut-off file simply ends."""
    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError):
            break
        try:
            frames = packet.decode()
        except FFmpegError:
            damaged += 1
            continue
        for frame in frames:
            damaged += frame.is_corrupt
            if not frame.is_corrupt:
                yield frame
    if damaged:
        name = container.name.removeprefix("file:")
        _LOG.warning("%s: %d damaged frames were left out", name, damaged)


def placed(
    frames: Iterable[av.VideoFrame], stream: VideoStream
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each frame with its ticks on a clock that only runs forwards.

    A frame at an instant already shown is left out; where the file's clock jumps back, as in
    joined recordings, ours goes on.
    """
    second = 1 / tick_s(stream)
    period = max(1, round(second / Fraction(frame_rate(stream))))
    ordered = has_instants(stream)
    last: int | None = None
    offset = 0
    for frame in frames:
        following = (stream.start_time or 0) if last is None else last + period
        stamp = frame.pts if ordered else frame.dts
        if last is None and not ordered and stamp is not None:
            offset = following - stamp
        ticks = following if stamp is None else stamp + offset
        if last is not None and ticks <= last - second:
            offset += following - ticks
            ticks = following
        if last is None or ticks > last:
            last = ticks
            yield ticks, frame


def has_instants(stream: VideoStream) -> bool:
    """Whether the file says when each frame is seen; AVI only says in which order they come."""
    return stream.container.format.name != "avi"


def tick_s(stream: VideoStream) -> Fraction:
    """The unit of the stream's timestamps, in seconds."""
    return rational(stream.time_base) or Fraction(1, 90_000)


def frame_rate(stream: VideoStream) -> float:
    """Frames per second, on average; 25 where the file does not say."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0.1 <= float(rate) <= 1000:
            return float(rate)
    return 25.0


def length_s(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the video lasts, as its header says; None where it does not."""
    if stream.duration and stream.duration > 0:
        return float(stream.duration * tick_s(stream))
    return container.duration / 1e6 if container.duration and container.duration > 0 else None


def rational(value: Any) -> Fraction | None:  # noqa: ANN401  (Fraction in PyAV 18, AVRational in 19)
    """A number of PyAV's, or None where it is unknown."""
    return Fraction(value.numerator, value.denominator) if value else None
