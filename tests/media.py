"""Makers of small pictures and videos, good and bad, for tests."""

import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SKIN = (200, 150, 120)


def quarters(width: int, height: int) -> np.ndarray:
    """Red and green above, blue and white below."""
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def plain(width: int, height: int, colour: Sequence[int]) -> np.ndarray:
    """One colour."""
    return np.full((height, width, 3), colour, np.uint8)


def counted(index: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A grey that tells which frame this is."""
    return plain(width, height, (20 + 10 * index,) * 3)


def count_of(image: np.ndarray) -> int:
    """Which frame `counted` made."""
    return round((float(image.mean()) - 20) / 10)


def make_video(  # noqa: PLR0913
    path: Path,
    images: Sequence[np.ndarray],
    times_ms: Sequence[int] | None = None,
    *,
    audio: str | None = None,
    degrees: float | None = None,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    matrix: Colorspace | None = None,
    span: ColorRange = ColorRange.MPEG,
    options: dict[str, str] | None = None,
    movflags: str = "",
    audio_from_ms: int = 0,
) -> Path:
    """A video of `images` at `times_ms`, or 40 ms apart; with clicks if `audio` names a codec."""
    times = times_ms or [40 * i for i in range(len(images))]
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as output:
        stream: Any = output.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base = Fraction(1, 1000)
        if matrix is not None:
            context.colorspace, context.color_range = matrix, span
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if degrees is not None:
            stream.set_display_rotation(degrees, hflip=mirrored)
        sound: Any = output.add_stream(audio, rate=48000) if audio else None
        if sound:
            sound.layout = "mono"
        for image, ms in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
                format=pix_fmt,
                dst_colorspace=matrix,
                src_color_range=ColorRange.JPEG,
                dst_color_range=span,
            )
            frame.pts, frame.time_base = ms, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound:
            _tone(output, sound, audio_from_ms, times[-1] + 40)
    return path


def _tone(output: Any, stream: Any, begin_ms: int, end_ms: int) -> None:
    """A click of 10 ms at each full 200 ms, on silence."""
    count = 1024
    for first in range(48 * begin_ms, 48 * end_ms, count):
        at = np.arange(first, first + count)
        samples = np.where(at % 9600 < 480, np.sin(at * 0.3), 0).astype(np.float32)
        packed = (samples * 20000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def make_counted(path: Path, count: int = 10, **kwargs: Any) -> Path:
    """A video whose frames can be told apart by `count_of`."""
    return make_video(path, [counted(i) for i in range(count)], **kwargs)


def make_sound(path: Path) -> Path:
    """A sound file without video."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    return path


def truncated(path: Path, keep: float) -> Path:
    """The same file, cut off after a part of its bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def clicks_ms(path: Path) -> list[float]:
    """When the tone of `make_video` is heard in a file, on the clock of its video."""
    found: list[float] = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        start = float((video.start_time or 0) * video.time_base)
        for frame in container.decode(audio=0):
            data = np.atleast_2d(frame.to_ndarray())[0].astype(np.float64)
            loud = np.abs(data) > 0.2 * (
                1 if data.dtype.kind == "f" and abs(data).max() <= 2 else 2e4
            )
            for i in np.flatnonzero(loud):
                at = (frame.time - start + i / frame.sample_rate) * 1000
                if not found or at - found[-1] > 100:
                    found.append(at)
    return found


def times_ms(path: Path) -> list[float]:
    """The instants of a video's frames, in milliseconds after the first."""
    with av.open(str(path)) as container:
        times = sorted(float(frame.pts * frame.time_base) for frame in container.decode(video=0))
    return [round((time - times[0]) * 1000, 3) for time in times]
