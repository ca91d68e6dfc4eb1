"""One user's session, and how it is doing."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from streamer.app import Live, latency_ns
from streamer.clock import SECOND, Clock
from streamer.config import Config
from streamer.control import Desk
from streamer.stages import Camera, Sink
from streamer.web.models import Ages, SessionStatus
from streamer.web.peer import Peer, PeerSink, PeerStats
from streamer.web.visitors import Visitor

REASONS: Mapping[str, str] = {
    "left": "ended",
    "lost": "the connection was lost",
    "silent": "no video came from the camera; allow it, and start again",
    "replaced": "the same browser began another session",
    "stopped": "the server stops; it can be started again in a moment",
    "over": "the session is over",
    "failed": "the server could not go on with this session; start again",
}
"""How a session ends, for a person."""

Opening = Callable[[Config, Desk, Camera, Sink], AbstractContextManager[Live]]
"""Opens the pipeline of a session; blocks."""


@dataclass(frozen=True, slots=True)
class Network:
    """How peers are made; on the loop."""

    sink: Callable[[], PeerSink]
    peer: Callable[[PeerSink, Callable[[], int]], Peer]
    """For the pictures of a sink, with the latency by which a voice is delayed, ns."""


class Session:
    """A peer and its pipeline. Belongs to the loop."""

    def __init__(
        self, network: Network, desk: Desk, visitor: Visitor, address: str, clock: Clock
    ) -> None:
        self.id = secrets.token_hex(8)
        self.key = secrets.token_urlsafe(24)
        self.desk = desk
        self.visitor = visitor
        self.address = address
        self.live: Live | None = None
        """None until the pipeline is open."""
        self.sink = network.sink()
        self.peer = network.peer(self.sink, self._latency_ns)
        self.viewers: set[Peer] = set()
        self.stats: PeerStats | None = None
        self.reason = ""
        """Why it ends, a key of REASONS; empty while it does not."""
        self.message = ""
        self.seen_ns = self._opened_ns = clock()
        """When video last came."""
        self._clock = clock
        self._over = asyncio.Event()

    @property
    def seconds(self) -> float:
        """Since it was asked for."""
        return (self._clock() - self._opened_ns) / SECOND

    def end(self, reason: str, message: str = "") -> None:
        """Let it end. The first reason counts."""
        if not self.reason:
            self.reason, self.message = reason, message or REASONS[reason]
            self._over.set()

    async def ending(self, peer: Peer | None = None) -> None:
        """Return when the session is to end, or this peer of it is lost: its own, or a viewer."""
        gone = (peer or self.peer).lost
        waiting = [asyncio.ensure_future(event.wait()) for event in (gone, self._over)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waiting:
                wait.cancel()

    def status(self, sessions_open: int) -> SessionStatus:
        """How it is doing now. Does not block."""
        stats = self.stats
        codec = "" if stats is None else stats.codec
        codec_ms = 0.0 if stats is None else stats.codec_ms
        bitrate = 0.0 if stats is None else round(stats.bitrate_kbps)
        if self.live is None:
            return SessionStatus(
                state="ending" if self.reason else "opening",
                camera=self.peer.camera.state,
                sessions_open=sessions_open,
            )
        status = self.live.status()
        age = status.recent.age_ms
        return SessionStatus(
            state="ending" if self.reason else "running",
            age_ms=None if age is None else Ages(p50=age.p50, p95=age.p95),
            fps_in=status.recent.fps_in,
            fps_out=status.recent.fps_out,
            dropped=sum(status.dropped.values()),
            presence=status.presence,
            portrait=status.portrait,
            preparing=status.preparing,
            prompt=status.prompt,
            calibration=status.calibration,
            level=status.level,
            camera=status.camera,
            latency_ms=status.latency_ms,
            codec=codec,
            codec_ms=codec_ms,
            bitrate_kbps=bitrate,
            sessions_open=sessions_open,
        )

    def _latency_ns(self) -> int:
        return 0 if self.live is None else latency_ns(self.live.metrics)
