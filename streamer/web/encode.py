"""Video encoders for calls: a picture leaves at once, and the bitrate moves without new keyframes.

They are aiortc's, whose way of cutting a stream into packets they keep. Each belongs to one sender;
`encode` runs on that sender's thread, the rest on the loop.
"""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Protocol, cast

import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import VIDEO_TIME_BASE as _TICK_S
from aiortc.mediastreams import convert_timebase
from av.frame import Frame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.web.budget import FPS, Bitrates, Budget, ignore

_KEYFRAME_EVERY = 9000
"""Frames: practically never by itself, since peers ask for one when they need it."""
_BUFFER_S = 0.25
"""How much of a second's bits one picture may take."""
_VP8_LESS, _VP8_MORE = 0.75, 1.5
"""Change of the bitrate at which a VP8 encoder, which cannot follow, is made anew."""
_VP8_PATIENCE_NS = 5 * SECOND


class LiveEncoder(Protocol):
    """What a sender is given."""

    budget: Budget

    @property
    def target_bitrate(self) -> int:
        """In bit/s; set by the receiver's estimates."""
        ...

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:  # noqa: FBT001, FBT002  (aiortc's own signature)
        """The packets of one picture, and its instant in 1/90000 s."""
        ...


def live_encoder(
    name: str,
    rates: Bitrates,
    clock: Clock = monotonic_ns,
    done: Callable[[int], object] = ignore,
) -> LiveEncoder:
    """An encoder for `name`, H264 or VP8. LookupError for another codec.

    `done` is told the instant of each picture, its pts, when it is encoded.
    """
    match name.upper():
        case "H264":
            return LiveH264(Budget(rates, clock, done))
        case "VP8":
            return LiveVp8(Budget(rates, clock, done), clock)
        case other:
            raise LookupError(f"no live encoder for {other}")


def threads_for(width: int, height: int, cores: int | None = None) -> int:
    """Threads for one encoder: small pictures gain nothing by a second, and others need cores."""
    if width * height <= 640 * 640:
        return 1
    return max(1, min(4, (cores or os.cpu_count() or 1) // 2))


class _Planes:
    """Pictures as the encoder takes them: yuv420p of even size, BT.601 as receivers assume."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def of(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame of its own, so that the other viewers' encoders do not see what is set on it."""
        planes = self._reformatter.reformat(
            frame,
            width=frame.width & ~1,
            height=frame.height & ~1,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            src_color_range=ColorRange.JPEG if frame.format.is_rgb else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.FAST_BILINEAR,
        )
        planes.pts, planes.time_base = frame.pts, frame.time_base
        return planes


class LiveH264(H264Encoder):
    """x264 at its fastest. Stock: preset medium, no bound on a picture's size, 1/30 s time base."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self.budget = budget
        self._planes = _Planes()

    @property
    def target_bitrate(self) -> int:
        """In bit/s; set by the receiver's estimates."""
        return self.budget.bps

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self.budget.estimate(bitrate)

    def _encode_frame(self, frame: av.VideoFrame, force_keyframe: bool) -> Iterator[bytes]:  # noqa: FBT001
        planes = self._planes.of(frame)
        codec = self.codec
        if codec is None or (codec.width, codec.height) != (planes.width, planes.height):
            self.budget.fit(planes.width, planes.height)
            codec = self.codec = _x264(planes.width, planes.height, self.budget)
        else:
            codec.bit_rate = self.budget.bps  # x264 follows while it runs, below what it began with
        planes.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        data = _encoded(codec, planes)
        self.budget.sent(len(data), planes.pts)
        return self._split_bitstream(data)


def _x264(width: int, height: int, budget: Budget) -> VideoCodecContext:
    codec = av.CodecContext.create("libx264", "w")
    _shape(codec, width, height, budget.most_bps)
    codec.profile = "Baseline"
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "maxrate": str(budget.most_bps),
        "bufsize": str(round(budget.bps * _BUFFER_S)),
    }
    return codec


def _encoded(codec: VideoCodecContext, planes: av.VideoFrame) -> bytes:
    packets: list[bytes] = cast("Any", codec).encode(planes)  # they are buffers
    return b"".join(packets)


def _shape(codec: VideoCodecContext, width: int, height: int, bps: int) -> None:
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.bit_rate = bps
    codec.framerate, codec.time_base = Fraction(FPS), _TICK_S
    codec.gop_size = _KEYFRAME_EVERY
    codec.thread_count = threads_for(width, height)


class LiveVp8(Vp8Encoder):
    """libvpx for calls. Stock: made anew, with a keyframe, at each tenth the bitrate changes."""

    def __init__(self, budget: Budget, clock: Clock = monotonic_ns) -> None:
        super().__init__()
        self.budget = budget
        self._clock = clock
        self._planes = _Planes()
        self._made_ns = 0

    @property
    def target_bitrate(self) -> int:
        """In bit/s; set by the receiver's estimates."""
        return self.budget.bps

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self.budget.estimate(bitrate)

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:  # noqa: FBT001, FBT002
        """The packets of one picture, and its instant in 1/90000 s."""
        planes = self._planes.of(cast("av.VideoFrame", frame))
        codec = self.codec
        if codec is None or self._outgrown(codec, planes):
            self.budget.fit(planes.width, planes.height)
            codec = self.codec = _libvpx(planes.width, planes.height, self.budget.bps)
            self._made_ns = self._clock()
        if force_keyframe:
            planes.pict_type = PictureType.I
        data = _encoded(codec, planes)
        self.budget.sent(len(data), planes.pts)
        payloads = self._packetize(data, self.picture_id)
        self.picture_id = (self.picture_id + 1) % (1 << 15)
        assert planes.pts is not None, "pictures for a call have their instant"
        return payloads, convert_timebase(planes.pts, cast("Fraction", planes.time_base), _TICK_S)

    def _outgrown(self, codec: VideoCodecContext, planes: av.VideoFrame) -> bool:
        if (codec.width, codec.height) != (planes.width, planes.height):
            return True
        change = self.budget.bps / (codec.bit_rate or 1)
        patient = self._clock() - self._made_ns >= _VP8_PATIENCE_NS
        return change < _VP8_LESS or (change > _VP8_MORE and patient)


def _libvpx(width: int, height: int, bps: int) -> VideoCodecContext:
    codec = av.CodecContext.create("libvpx", "w")
    _shape(codec, width, height, bps)
    codec.qmin, codec.qmax = 2, 56
    codec.options = {
        "deadline": "realtime",
        "cpu-used": "-6",
        "lag-in-frames": "0",
        "minrate": str(bps),
        "maxrate": str(bps),
        "bufsize": str(round(bps * _BUFFER_S * 2)),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "static-thresh": "1",
        "error-resilient": "0",
    }
    return codec
