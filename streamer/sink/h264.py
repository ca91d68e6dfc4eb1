"""The pictures of a video file: H.264, BT.709 in limited range, with their own instants."""

from fractions import Fraction

import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from streamer.clock import SECOND
from streamer.colour import to_yuv
from streamer.frame import Image
from streamer.sink.mux import add_h264, mux_frame

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Endings of a video file's name, and what they mean."""
VIDEO_SUFFIXES = tuple(CONTAINERS)
"""Names a video file can end in."""
TICK_S = Fraction(1, 90_000)
"""Unit of the instants in a file, in seconds."""


class Pictures:
    """The video stream of `output`, which has no header yet; each picture has one size."""

    def __init__(
        self,
        output: OutputContainer,
        width: int,
        height: int,
        fps: float,
        options: dict[str, str],
        tick_s: Fraction = TICK_S,
    ) -> None:
        self._output = output
        self._shape = (height, width, 3)
        self._tick_s = tick_s
        self._fps = Fraction(fps).limit_denominator(1001)
        self._period = max(1, round(1 / (self._fps * tick_s)))
        self._last = -1
        self._reformatter = VideoReformatter()
        # Without B-frames each is decoded in the order of its instant, so that every player keeps
        # the instants, whatever it makes of edit lists.
        self._stream = add_h264(output, self._fps, {**options, "bf": "0"})
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = tick_s
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709

    @property
    def empty(self) -> bool:
        """Whether there is no picture yet."""
        return self._last < 0

    @property
    def last_s(self) -> Fraction:
        """The instant of the last picture after the start, in seconds."""
        return self._last * self._tick_s

    @property
    def end_s(self) -> Fraction:
        """When the last picture is over, after the start, in seconds."""
        return (self._last + self._period) * self._tick_s

    def write(self, image: Image, pts_ns: int, *, key: bool = False) -> None:
        """Add a picture that is seen from `pts_ns` after the start; `key`: it stands by itself."""
        if image.shape != self._shape:
            raise ValueError(f"the picture is {image.shape}, the file {self._shape}")
        frame = to_yuv(_even(image), self._reformatter)
        self._last = max(self._last + 1, round(Fraction(pts_ns, SECOND) / self._tick_s))
        frame.pts, frame.time_base = self._last, self._tick_s
        if key:
            frame.pict_type = PictureType.I
        mux_frame(self._output, self._stream, frame, self._period)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        mux_frame(self._output, self._stream, None, self._period)


def _even(image: Image) -> Image:
    """The picture with its last column and row repeated where needed, as yuv420p has even sizes."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
