"""How a connection does, and whether anybody is at its other end."""

from dataclasses import dataclass
from typing import Any, cast

from aiortc import RTCPeerConnection

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.web.rtc import data_packets
from streamer.web.wiring import video_codec


@dataclass(frozen=True, slots=True)
class PeerStats:
    """How a connection does."""

    codec: str
    """H264 or VP8; empty where there is no video."""
    bitrate_kbps: float
    """Of the pictures sent, since the last look."""
    rtt_ms: float
    """There and back; 0 before it is known."""
    received_fps: float
    lost_packets: int
    """Of the peer's video."""
    codec_ms: float = 0.0
    """From the last packet of an image until it can be read, and from a picture until it is
    encoded: what the age of pictures does not hold."""


class Vitals:
    """Looks at one connection, on the loop."""

    def __init__(self, pc: RTCPeerConnection, clock: Clock = monotonic_ns) -> None:
        self._pc = pc
        self._clock = clock
        self._heard_ns = self._looked_ns = clock()
        self._packets = 0
        self._sent = 0
        self._kbps = 0.0

    async def silent_ns(self) -> int:
        """How long nothing has come from the peer: no media, message or report of what came."""
        reports = await self._reports()
        packets = sum(r.packetsReceived for r in reports if r.type == "transport")
        packets += data_packets(self._pc)
        if packets != self._packets:
            self._packets, self._heard_ns = packets, self._clock()
        return self._clock() - self._heard_ns

    async def stats(self, received_fps: float, codec_ms: float) -> PeerStats:
        """Everything that is known now."""
        reports = await self._reports()
        video = [r for r in reports if getattr(r, "kind", "") == "video"]
        self._measure(sum(r.bytesSent for r in video if r.type == "outbound-rtp"))
        trips = [r.roundTripTime for r in reports if r.type == "remote-inbound-rtp"]
        lost = sum(r.packetsLost for r in video if r.type == "inbound-rtp")
        return PeerStats(
            codec=video_codec(self._pc),
            bitrate_kbps=self._kbps,
            rtt_ms=round(max((t for t in trips if t is not None), default=0.0) * 1000, 1),
            received_fps=received_fps,
            lost_packets=lost,
            codec_ms=codec_ms,
        )

    def _measure(self, sent: int) -> None:
        now_ns = self._clock()
        if now_ns - self._looked_ns >= SECOND // 5:
            rate = (sent - self._sent) * 8 / 1000 * SECOND / (now_ns - self._looked_ns)
            self._kbps = round(rate, 1)
            self._sent, self._looked_ns = sent, now_ns

    async def _reports(self) -> list[Any]:
        return list(cast("dict[str, Any]", await self._pc.getStats()).values())
