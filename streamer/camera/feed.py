"""One opened camera: its newest image, never an old one. Used by one thread alone.

The device is opened so that its driver never makes its reader wait: a camera that gives nothing is
then noticed here, and not by whoever wants to stop.
"""

import errno
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

import av
from av.container import InputContainer
from av.error import ExitError, FFmpegError, InvalidDataError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from streamer.camera.devices import CameraDevice
from streamer.clock import MS, SECOND, Clock, monotonic_ns
from streamer.frame import Image

_OPEN_S = 5.0
"""A camera that shows nothing for so long after it was opened does not work."""
_WAITED_NS = 2 * MS
"""An image that took so long to come did not lie in the driver."""
_POLL_NS = MS
_LONGEST_PAUSE_NS = 20 * MS
_MOST_WAITING = 300
"""More images than any driver keeps."""
_DAMAGED_IN_A_ROW = 30

_COMMON = {
    "fflags": "+4",  # AVFMT_FLAG_NONBLOCK, which has no name among the options
    "fpsprobesize": "0",  # the rate is measured later: do not spend 20 images on it now
}
_OF_SYSTEM: dict[str, dict[str, str]] = {
    "avfoundation": {"pixel_format": "nv12", "framerate": "30"},  # else it wants 29.97, and fails
    "dshow": {"rtbufsize": "32M"},  # the usual 3 MB are less than two raw HD images
}
_REFUSED = {errno.EINVAL, errno.EIO, errno.ERANGE, errno.ENOSPC}
"""What drivers answer to a format that they do not have, or have no room for."""
_WHOLE = {"mjpeg", "rawvideo", "wrapped_avframe"}
"""Codecs whose every image stands alone: old ones need not be decoded."""

_QUICK = Interpolation.BILINEAR
_EXACT = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
_PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p"}
"""Here swscale's quick way takes an eighth of the time, and is a level off on average."""
_MATRICES = {1: Colorspace.ITU709, 7: Colorspace.SMPTE240M, 9: Colorspace.BT2020}
"""ITU-T H.273 matrix numbers in those of swscale, where not BT.601 or unknown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a camera."""

    width: int
    height: int
    fps: int


class Feed(Protocol):
    """An opened camera."""

    @property
    def label(self) -> str:
        """What was obtained: name, size, format."""
        ...

    def take(self, longest_s: float) -> Image | None:
        """The newest image; None when none came in time. OSError when the camera is lost."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


Opener = Callable[[str, str, dict[str, str]], InputContainer]
"""Opens an address of a system (v4l2, avfoundation, dshow) with options."""


def open_container(address: str, system: str, options: dict[str, str]) -> InputContainer:
    """The device, opened by PyAV. Blocks, 5 s at most, where the first image tells the format."""
    return av.open(address, format=system, options=options, timeout=(_OPEN_S, None))


def open_feed(
    device: CameraDevice,
    asked: Asked,
    on_drop: Callable[[str], None],
    opener: Opener = open_container,
) -> Feed:
    """The camera with the nearest it has to what is asked. OSError when it cannot be had."""
    with _plain_errors():
        container = _negotiated(device, asked, opener)
        if not container.streams.video:
            container.close()
            raise OSError(errno.ENOTTY, "no video")
        return DeviceFeed(container, device, asked, on_drop)


def _negotiated(device: CameraDevice, asked: Asked, opener: Opener) -> InputContainer:
    refusal: Exception | None = None
    for wish in _wishes(device.system, asked):
        options = _COMMON | _OF_SYSTEM.get(device.system, {}) | wish
        try:
            return opener(device.address, device.system, options)
        except FFmpegError as error:
            if error.errno not in _REFUSED:
                raise
            refusal = refusal or error
    raise refusal or OSError(errno.EINVAL, "no format")


def _wishes(system: str, asked: Asked) -> Iterator[dict[str, str]]:
    """From all that is asked to nothing. Only V4L2 can be asked for MJPEG by name."""
    size = {"video_size": f"{asked.width}x{asked.height}"}
    rate = {"framerate": str(asked.fps)}
    for wish in (size | rate, size, rate, {}):
        if system == "v4l2":
            yield wish | {"input_format": "mjpeg"}
        yield wish


class DeviceFeed:
    """A camera opened by PyAV. Its frames are views of the driver's memory and never leave it."""

    def __init__(
        self,
        container: InputContainer,
        device: CameraDevice,
        asked: Asked,
        on_drop: Callable[[str], None],
        clock: Clock = monotonic_ns,
    ) -> None:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # threads decode no faster here, and could keep frames back
        self.label = _label(device, stream, asked)
        self._container = container
        self._on_drop = on_drop
        self._clock = clock
        self._converter = _Converter(hd_is_709=device.system == "avfoundation")
        self._whole = stream.codec_context.name in _WHOLE
        self._packets: Iterator[av.Packet[VideoStream]] | None = None
        self._waited = False
        self._usual_ns = 0
        self._came_ns = clock()
        self._damaged = 0

    def take(self, longest_s: float) -> Image | None:
        """The newest image; None when none came in time. OSError when the camera is lost."""
        with _plain_errors():
            try:
                frame = self._newest(self._clock() + round(longest_s * SECOND))
                image = None if frame is None else self._converter.image(frame)
            except InvalidDataError:
                self._damaged += 1
                self._on_drop("camera: damaged")
                if self._damaged >= _DAMAGED_IN_A_ROW:
                    raise
                return None
        if image is not None:
            self._damaged = 0
        return image

    def close(self) -> None:
        """Give the device back. Nothing refers to the driver's memory any more."""
        self._packets = None
        self._container.close()

    def _newest(self, until_ns: int) -> VideoFrame | None:
        """Take what lies in the driver until it has no more, or had to wait for the next."""
        newest = self._awaited(until_ns)
        passed = 0
        while newest is not None and not self._waited and passed < _MOST_WAITING:
            newer = self._packet()
            if newer is None:
                break
            if not self._whole:
                newest.decode()
            newest, passed = newer, passed + 1
            self._on_drop("camera: stale")
        if newest is None:
            return None
        now_ns = self._clock()
        self._usual_ns += (min(now_ns - self._came_ns, SECOND) - self._usual_ns) // 4
        self._came_ns = now_ns
        frames = newest.decode()
        if frames and frames[-1].is_corrupt:
            raise InvalidDataError(errno.EILSEQ, "a part is missing")
        return frames[-1] if frames else None

    def _awaited(self, until_ns: int) -> "av.Packet[VideoStream] | None":
        """The next packet. As cameras are regular, it is asked for often only when it is due."""
        due_ns = self._came_ns + self._usual_ns * 2 // 3
        while (packet := self._packet()) is None:
            now_ns = self._clock()
            if now_ns >= until_ns:
                return None
            pause_ns = min(max(due_ns - now_ns, _POLL_NS), _LONGEST_PAUSE_NS)
            time.sleep(pause_ns / SECOND)
        return packet

    def _packet(self) -> "av.Packet[VideoStream] | None":
        """What the driver has next; None when it has nothing now."""
        asked_ns = self._clock()
        if self._packets is None:
            self._packets = self._container.demux(self._container.streams.video[0])
        try:
            packet = next(self._packets)
        except FFmpegError as error:
            self._packets = None  # a generator that raised is over
            if isinstance(error, BlockingIOError):
                return None
            raise
        if packet.size == 0:
            if packet.pts is None and packet.dts is None:
                raise OSError(errno.ENODEV, "no more images")
            raise InvalidDataError(errno.EILSEQ, "an empty image")
        self._waited = self._clock() - asked_ns > _WAITED_NS
        return packet


class _Converter:
    """Any camera's pixels as RGB.

    Cameras seldom tag them: MJPEG is full range, all else limited, and BT.601 is meant whatever
    the size, but on macOS, where HD is BT.709.
    """

    def __init__(self, *, hd_is_709: bool) -> None:
        self._hd = Colorspace.ITU709 if hd_is_709 else Colorspace.ITU601
        self._reformatter = VideoReformatter()

    def image(self, frame: VideoFrame) -> Image:
        """The frame as an array of its own: no view of the driver's memory."""
        pixels = frame.format
        name = pixels.name
        if name == "rgb24":
            return cast("Image", frame.to_ndarray().copy())
        by_size = self._hd if frame.width >= 1280 else Colorspace.ITU601
        full = frame.color_range == ColorRange.JPEG or name.startswith(("yuvj", "gray"))
        picture = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=None if pixels.is_rgb else _matrix(frame.colorspace, by_size),
            src_color_range=ColorRange.JPEG if full or pixels.is_rgb else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=_QUICK if name in _PLANAR else _EXACT,
        )
        return cast("Image", picture.to_ndarray())


def _matrix(tag: int, untagged: Colorspace) -> Colorspace:
    return untagged if tag in {0, 2} else _MATRICES.get(tag, Colorspace.ITU601)


def _label(device: CameraDevice, stream: VideoStream, asked: Asked) -> str:
    codec = stream.codec_context
    pixels = codec.name.upper() if codec.name != "rawvideo" else codec.pix_fmt or "raw"
    size = f"{codec.width} x {codec.height}"
    if (codec.width, codec.height) != (asked.width, asked.height):
        size += f" (not {asked.width} x {asked.height})"
    return f"{device}, {size} {pixels}, asked {asked.fps} fps"


@contextmanager
def _plain_errors() -> Generator[None]:
    """PyAV's errors as OSError, whose numbers are those of the system."""
    try:
        yield
    except ExitError:
        raise TimeoutError(errno.ETIMEDOUT, "no image") from None
    except FFmpegError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error)) from error
