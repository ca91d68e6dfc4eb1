"""The pictures for a peer: a sink with any number of viewers, none of whom waits for another."""

import threading

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.errors import EndOfStream
from streamer.frame import Image
from streamer.slot import Slot


class Pictures(MediaStreamTrack):
    """One viewer's track. It keeps the newest picture until it is asked for."""

    kind = "video"

    def __init__(self, sink: "PeerSink") -> None:
        super().__init__()
        self._sink = sink
        self._slot = Slot[av.VideoFrame]()

    def offer(self, frame: av.VideoFrame) -> None:
        """A picture, in place of one that was not sent yet. From any thread."""
        self._slot.offer(frame)

    async def recv(self) -> av.VideoFrame:
        """The newest picture, as soon as there is one."""
        if self.readyState != "live":
            raise MediaStreamError
        try:
            return await self._slot.take()
        except EndOfStream:
            self.stop()
            raise MediaStreamError from None

    def stop(self) -> None:
        """No more pictures are wanted."""
        super().stop()
        self._sink.leave(self)

    def finish(self) -> None:
        """There are no more pictures."""
        self._slot.close()


class PeerSink:
    """Where the pictures of one session go: to its peer, and to whoever else looks at it."""

    def __init__(self, width: int, height: int, fps: float, clock: Clock = monotonic_ns) -> None:
        self._shape = (height, width, 3)
        self._fps = fps
        self._clock = clock
        self._started_ns = clock()
        self._pts = -1
        self._lock = threading.Lock()
        self._viewers: list[Pictures] = []
        self._newest: av.VideoFrame | None = None
        self._track: Pictures | None = None
        self._closed = False

    @property
    def label(self) -> str:
        """What it is, for a person."""
        height, width, _ = self._shape
        viewers = len(self._viewers)
        size = f"{width} x {height}, {self._fps:g} fps"
        return f"browser, {size}, {viewers} viewer{'s' * (viewers != 1)}"

    @property
    def track(self) -> Pictures:
        """The session's own peer. Made when first asked for, on the loop."""
        if self._track is None:
            self._track = self.subscribe()
        return self._track

    def subscribe(self) -> Pictures:
        """One more viewer, who sees the newest picture at once. On the loop."""
        viewer = Pictures(self)
        with self._lock:
            if self._closed:
                viewer.finish()
                return viewer
            self._viewers.append(viewer)
            if self._newest is not None:
                viewer.offer(self._newest)
        return viewer

    def leave(self, viewer: Pictures) -> None:
        """A viewer looks no more."""
        with self._lock:
            if viewer in self._viewers:
                self._viewers.remove(viewer)
                viewer.finish()

    def send(self, image: Image) -> None:
        """Show one picture to all. Never blocks, never queues."""
        if image.shape != self._shape:
            raise ValueError(f"the picture is {image.shape}, the sink {self._shape}")
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        with self._lock:
            if self._closed:
                return
            frame.pts, frame.time_base = self._instant(), VIDEO_TIME_BASE
            self._newest = frame
            for viewer in self._viewers:
                viewer.offer(frame)

    def age_ns(self, pts: int) -> int:
        """How long ago the picture of this instant was sent."""
        return self._clock() - self._started_ns - pts * SECOND // VIDEO_CLOCK_RATE

    def close(self) -> None:
        """There are no more pictures: every viewer's track ends."""
        with self._lock:
            self._closed = True
            viewers, self._viewers = self._viewers, []
            for viewer in viewers:
                viewer.finish()

    def _instant(self) -> int:
        """Now, in 1/90000 s since the start, and never twice the same."""
        now = (self._clock() - self._started_ns) * VIDEO_CLOCK_RATE // SECOND
        self._pts = max(self._pts + 1, now)
        return self._pts
