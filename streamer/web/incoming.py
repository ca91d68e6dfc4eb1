"""What a peer sends: its video as a camera, its voice as a track that goes back to it, late."""

import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import cast

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.frame import Frame
from av.video.reformatter import Interpolation, VideoReformatter

from streamer.clock import MS, SECOND, Clock, monotonic_ns
from streamer.errors import EndOfStream
from streamer.frame import Image
from streamer.web.delays import Delays
from streamer.web.pace import Pace

_LONGEST_WAIT_S = 0.9
_STALLED_NS = 2 * SECOND
_MOST_WIDTH, _MOST_HEIGHT = 1920, 1080
_RECENT_NS = 2 * SECOND

_AUDIO_RATE = 48_000
_SAMPLES = 960
"""Of one packet: 20 ms."""
_PACKET_NS = 20 * MS
_MOST_KEPT = 100
"""Packets of sound: 2 s."""


class PeerCamera:
    """The peer's video. `offer` from any thread; `read` on the camera's thread."""

    def __init__(self, clock: Clock = monotonic_ns) -> None:
        self.name = "browser"
        """Its own name, as for any camera. A browser's has none that would tell persons apart."""
        self.codec = ""
        self.dropped = 0
        self._clock = clock
        self._changed = threading.Condition()
        self.delays = Delays()
        """From a frame's last packet until it can be read as an image: decoding, above all."""
        self._newest: tuple[av.VideoFrame, int] | None = None
        self._closed = False
        self._size = (0, 0)
        self._came: deque[int] = deque(maxlen=128)
        self._reformatter = VideoReformatter()

    @property
    def label(self) -> str:
        """What it is, for a person."""
        width, height = self._size
        size = f"{width} x {height}" if width else ""
        return ", ".join(filter(None, ("browser", size, self.codec)))

    @property
    def state(self) -> str:
        """What is wrong with it just now, for a person; empty when nothing is."""
        if self._closed:
            return "the browser is gone"
        if not self._came:
            return "no video has come from the browser yet"
        silent = self._clock() - self._came[-1] > _STALLED_NS
        return "no video comes from the browser" if silent else ""

    @property
    def fps(self) -> float:
        """Frames a second that came lately."""
        since = self._clock() - _RECENT_NS
        return round(sum(at > since for at in tuple(self._came)) * SECOND / _RECENT_NS, 1)

    def offer(self, frame: av.VideoFrame, came_ns: int | None = None) -> None:
        """A decoded frame, in place of one that nobody has read; `came_ns`: its last packet."""
        now_ns = self._clock()
        with self._changed:
            self.dropped += self._newest is not None
            self._newest = frame, now_ns if came_ns is None else came_ns
            self._came.append(now_ns)
            self._changed.notify()

    def read(self) -> Image | None:
        """The newest image; None when none came. Blocks, 0.9 s at most. EndOfStream when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._newest, _LONGEST_WAIT_S)
            newest, self._newest = self._newest, None
            if self._closed:
                raise EndOfStream
        if newest is None:
            return None
        frame, came_ns = newest
        image = self._image(frame)
        self.delays.add(self._clock() - came_ns)
        return image

    def close(self) -> None:
        """Nothing more comes; whoever reads is told at once."""
        with self._changed:
            self._closed = True
            self._newest = None
            self._changed.notify_all()

    def _image(self, frame: av.VideoFrame) -> Image:
        turns = round(frame.rotation / 90) % 4
        limits = (
            (_MOST_HEIGHT, _MOST_WIDTH)
            if frame.height > frame.width
            else (_MOST_WIDTH, _MOST_HEIGHT)
        )
        scale = min(1.0, limits[0] / frame.width, limits[1] / frame.height)
        picture = self._reformatter.reformat(
            frame,
            width=max(1, round(frame.width * scale)),
            height=max(1, round(frame.height * scale)),
            format="rgb24",
            interpolation=Interpolation.FAST_BILINEAR,
        )
        image = cast("Image", picture.to_ndarray())
        image = np.ascontiguousarray(np.rot90(image, turns))  # rows of odd widths are padded too
        self._size = (image.shape[1], image.shape[0])
        return image


class EchoedVoice(MediaStreamTrack):
    """The peer's microphone, as late as its picture is; silence where nothing came.

    `offer` from any thread, `recv` on the loop.
    """

    kind = "audio"

    def __init__(self, latency_ns: Callable[[], int], clock: Clock = monotonic_ns) -> None:
        super().__init__()
        self._latency_ns = latency_ns
        self._clock = clock
        self._pace = Pace(_PACKET_NS, clock)
        self._kept: deque[tuple[int, av.AudioFrame]] = deque(maxlen=_MOST_KEPT)
        self._pts = 0

    def offer(self, frame: av.AudioFrame) -> None:
        """Sound that came now. The oldest goes where more than 2 s wait."""
        if (frame.sample_rate, frame.samples, frame.format.name) == (_AUDIO_RATE, _SAMPLES, "s16"):
            self._kept.append((self._clock(), frame))

    async def recv(self) -> Frame:
        """The next 20 ms."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._pace.wait()
        frame = self._due() or _silence()
        frame.pts, frame.time_base = self._pts, Fraction(1, _AUDIO_RATE)
        self._pts += _SAMPLES
        return frame

    def _due(self) -> av.AudioFrame | None:
        """What came as long ago as the latency is; what is older than that by two goes."""
        before = self._clock() - max(0, self._latency_ns())
        while len(self._kept) > 1 and self._kept[0][0] < before - 2 * _PACKET_NS:
            self._kept.popleft()
        if self._kept and self._kept[0][0] <= before:
            return self._kept.popleft()[1]
        return None


def _silence() -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="stereo", samples=_SAMPLES)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate = _AUDIO_RATE
    return frame
