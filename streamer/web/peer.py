"""One WebRTC peer: its video as a camera, the pictures for it as a sink, its voice echoed late.

All of it belongs to the loop, except `PeerCamera` and `PeerSink`, which the stages' threads use.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.web import rtc
from streamer.web.budget import Bitrates
from streamer.web.delays import Delays
from streamer.web.ice import IceServer
from streamer.web.incoming import EchoedVoice, PeerCamera
from streamer.web.offer import MALFORMED, MOST_CANDIDATES, PeerError, read_offer
from streamer.web.outgoing import PeerSink
from streamer.web.trickle import Fragment
from streamer.web.uplink import hasten_uplink
from streamer.web.vitals import PeerStats, Vitals
from streamer.web.wiring import Ends, join, prepare, video_codec

__all__ = ["MediaSettings", "Peer", "PeerCamera", "PeerError", "PeerSink", "PeerStats"]

LOG = logging.getLogger(__name__)

_CHANNEL = "vivant"
_ANSWER_S = 10
"""Longest that an answer may take: STUN and TURN servers are asked for our own address."""
_CANDIDATE_S = 3
"""Longest that one candidate may take: its name may have to be asked for (mDNS)."""
_CLOSE_S = 5
_WATCH_S = 1
_SILENT_NS = 8 * SECOND
"""A peer of whom nothing has come for so long is gone, and is found so within 10 s."""
_MOST_UNSENT = 64 * 1024
"""Bytes of messages that may wait for a page that takes none."""
_LONGEST_MESSAGE = 64 * 1024
_REFUSALS = (*MALFORMED, InternalError, InvalidAccessError, InvalidStateError, OperationError)

Message = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """What a call may use, and how it is reached."""

    bitrates: Bitrates = field(default_factory=Bitrates)
    uplink_kbps: int = 2500
    """What a browser's video starts at; 0 leaves it to the browser."""
    ice_servers: tuple[IceServer, ...] = ()
    loopback: bool = False
    """Offer 127.0.0.1 also where there is a network."""
    echo_voice: bool = True
    """Send the microphone back, as late as the picture."""


def _ignore(_: Message) -> None:
    pass


class Peer:
    """One connection. A viewer (WHEP, clean view) is a peer with somebody else's sink."""

    def __init__(
        self,
        sink: PeerSink,
        *,
        settings: MediaSettings | None = None,
        latency_ns: Callable[[], int] = lambda: 0,
        clock: Clock = monotonic_ns,
    ) -> None:
        self.sink = sink
        self.camera = PeerCamera(clock)
        self.audio = EchoedVoice(latency_ns, clock)
        self.lost = asyncio.Event()
        """Set when the peer is gone: it hung up, its connection failed, or nothing came for 8 s."""
        self.on_message: Callable[[Message], None] = _ignore
        """What the page says by the data channel; its pings are answered here, not passed on."""
        self._settings = settings or MediaSettings()
        self._clock = clock
        self._pc = RTCPeerConnection(_configuration(self._settings.ice_servers))
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="encode")
        self._vitals = Vitals(self._pc, clock)
        self._channel: RTCDataChannel | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._encoded = Delays()
        self._users: set[str] = set()
        self._candidates = 0
        self._pc.on("datachannel", self._open_channel)
        self._pc.on("connectionstatechange", self._change_state)

    async def answer(self, sdp: str, *, codec: str | None = None) -> str:
        """The SDP that answers an offer; once. PeerError when it cannot be: it is closed then."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._agree(sdp, codec or "H264")
        except BaseException as error:
            await self.close()
            if isinstance(error, (TimeoutError, OSError, *_REFUSALS)):
                raise PeerError(f"the offer cannot be answered: {_reason(error)}") from error
            raise
        self._keep(self._watch())
        answer, kbps = self._pc.localDescription.sdp, self._settings.uplink_kbps
        return hasten_uplink(answer, kbps) if kbps else answer

    def tell(self, message: Message) -> None:
        """Say something to the page; it is not said while the page takes nothing."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        if channel.bufferedAmount < _MOST_UNSENT:
            channel.send(json.dumps(message))

    async def stats(self) -> PeerStats:
        """How the connection does now."""
        codec_ms = self.camera.delays.median_ms + self._encoded.median_ms
        return await self._vitals.stats(self.camera.fps, codec_ms)

    def is_other(self, fragment: Fragment) -> bool:
        """Whether it belongs to another ICE session than the offer's, as to begin that anew."""
        return bool(fragment.user) and fragment.user not in self._users

    async def add_candidates(self, fragment: Fragment) -> None:
        """Look for the peer there, too. PeerError when that cannot be."""
        self._candidates += len(fragment.candidates)
        if self._candidates > MOST_CANDIDATES:
            raise PeerError(f"at most {MOST_CANDIDATES} candidates are taken")
        ends = (None,) if fragment.ended else ()
        for candidate in (*fragment.candidates, *ends):
            try:
                async with asyncio.timeout(_CANDIDATE_S):
                    await self._pc.addIceCandidate(candidate)
            except (TimeoutError, OSError, *_REFUSALS) as error:
                raise PeerError(f"this candidate cannot be used: {_reason(error)}") from error

    async def request_keyframe(self) -> None:
        """Ask the peer for a picture that needs none before it."""
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind == "video":
                await rtc.ask_keyframe(transceiver.receiver)

    async def close(self) -> None:
        """End the call: no task, thread or socket of it is left. Any number of times."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _agree(self, sdp: str, codec: str) -> None:
        media = read_offer(sdp)
        self._users = {str(s.ice.usernameFragment) for s in media if s.ice is not None}
        self._candidates = sum(len(section.ice_candidates) for section in media)
        ends = Ends(
            camera=self.camera,
            voice=self.audio if self._settings.echo_voice else None,
            view=self.sink.subscribe,
            bitrates=self._settings.bitrates,
            threads=self._threads,
            encoded=self._note_encoded,
        )
        prepare(self._pc, media, ends, codec)
        await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        rtc.answer_passively(self._pc)
        rtc.ignore_empty(self._pc)
        rtc.offer_loopback(self._pc, always=self._settings.loopback)
        for pump in join(self._pc, media, ends):
            self._keep(pump)
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        self.camera.codec = video_codec(self._pc)

    def _note_encoded(self, pts: int) -> None:
        """On the encoder's thread."""
        self._encoded.add(self.sink.age_ns(pts))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        while await self._vitals.silent_ns() < _SILENT_NS:  # noqa: ASYNC110  (only to be counted)
            await asyncio.sleep(_WATCH_S)
        LOG.info("nothing has come from the browser for %d s", _SILENT_NS // SECOND)
        self.lost.set()

    def _change_state(self) -> None:
        if self._pc.connectionState in {"failed", "closed"}:
            self.lost.set()

    def _open_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == _CHANNEL:
            self._channel = channel
            channel.on("message", self._hear)

    def _hear(self, text: object) -> None:
        if not isinstance(text, str) or len(text) > _LONGEST_MESSAGE:
            return
        try:
            message = cast("object", json.loads(text))
        except (ValueError, RecursionError):
            return
        if not isinstance(message, dict):
            return
        message = cast("dict[str, object]", message)
        if message.get("t") == "ping":
            pong = {"t": "pong", "id": message.get("id"), "at": message.get("at")}
            self.tell({**pong, "serverNs": self._clock()})
        else:
            self.on_message(message)

    async def _close(self) -> None:
        self.lost.set()
        self.camera.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_CLOSE_S):
                await rtc.close(self._pc)
        except TimeoutError:
            LOG.warning("a call did not end within %d s", _CLOSE_S)
        self.audio.stop()
        self._threads.shutdown()


def _configuration(servers: tuple[IceServer, ...]) -> RTCConfiguration:
    """No servers are an empty list: None would ask a public STUN server, and wait for it."""
    return RTCConfiguration(
        [RTCIceServer(server.urls, server.username, server.credential) for server in servers]
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return f"{type(error).__name__}: {error}".rstrip(": ")
