"""One WebRTC peer: its video as a Camera, the pictures for it as a Sink, its voice echoed late."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiortc import MediaStreamTrack
from av import VideoFrame

from streamer.clock import Clock, monotonic_ns
from streamer.errors import StreamerError
from streamer.frame import Image


class PeerError(StreamerError):
    """An offer that cannot be answered; one sentence says why."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """What a peer may use."""

    start_kbps: int = 2500
    min_kbps: int = 300
    max_kbps: int = 6000
    uplink_kbps: int = 2500
    ice_servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerStats:
    """How the connection does."""

    codec: str
    bitrate_kbps: float
    rtt_ms: float
    received_fps: float
    lost_packets: int


class PeerCamera:
    """stages.Camera of the peer's video."""

    def __init__(self, clock: Clock = monotonic_ns) -> None: ...
    @property
    def label(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def fps(self) -> float: ...
    def offer(self, frame: VideoFrame) -> None: ...
    def read(self) -> Image | None: ...
    def close(self) -> None: ...


class PeerSink:
    """stages.Sink for any number of viewers."""

    def __init__(
        self, width: int, height: int, fps: float, clock: Clock = monotonic_ns
    ) -> None: ...
    @property
    def label(self) -> str: ...
    @property
    def track(self) -> MediaStreamTrack: ...
    def subscribe(self) -> MediaStreamTrack: ...
    def send(self, image: Image) -> None: ...
    def close(self) -> None: ...


class Peer:
    """One connection. Everything but `camera` and `sink` belongs to the loop.

    A viewer (WHEP, clean view) is a Peer with the sink of somebody else's session.
    """

    camera: PeerCamera
    sink: PeerSink
    lost: asyncio.Event
    on_message: Callable[[Mapping[str, object]], None]
    """What the page said by the data channel; `ping` is answered here and not passed on."""

    def __init__(
        self,
        sink: PeerSink,
        *,
        settings: MediaSettings = MediaSettings(),
        latency_ns: Callable[[], int] = lambda: 0,
        clock: Clock = monotonic_ns,
    ) -> None: ...
    async def answer(self, sdp: str, *, codec: str | None = None) -> str: ...
    def tell(self, message: Mapping[str, object]) -> None: ...
    async def stats(self) -> PeerStats: ...
    async def request_keyframe(self) -> None: ...
    async def close(self) -> None: ...
