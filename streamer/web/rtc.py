"""Every adaptation of aiortc, object by object: nothing of the library itself is changed.

Each function names what is wrong upstream. Where the library no longer looks as it did, a function
warns and leaves it as it is: calls then work, only slower. How that is done: adapt.py.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import MethodType
from typing import Any, cast

import aiortc
from aioice import Connection
from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtcrtpreceiver import NackGenerator, RemoteStreamTrack
from aiortc.rtcrtptransceiver import RTCRtpTransceiver
from aiortc.rtp import AnyRtcpPacket, HeaderExtensionsMap, RtcpRrPacket, RtcpSrPacket
from av.frame import Frame

from streamer.web.adapt import MisfitError, adapt, check_signature, get_private, swap_private
from streamer.web.again import Again
from streamer.web.budget import Budget
from streamer.web.encode import LiveEncoder
from streamer.web.inbox import Inbox, Straight
from streamer.web.jitter import MarkedBuffer, PatientNacks
from streamer.web.losses import Losses
from streamer.web.playout import PLAYOUT_DELAY, PlayoutMap
from streamer.web.threads import OwnThread

LOG = logging.getLogger(__name__)

_STUN_S = 2
"""How long STUN and TURN servers are waited for; aioice waits 5 s."""
_LOOPBACK = "127.0.0.1"
_NO_RELAY = (
    "the TURN server %s:%d gives no way for video: it does not answer within %d s, or refuses what"
    " it was told; VIVANT_TURN_SECRET (web.turn_secret) must be its own secret"
)
_REALM = {"receiver": "_RTCRtpReceiver__", "sender": "_RTCRtpSender__"}


def release_at_marker(receiver: RTCRtpReceiver, on_gap: Callable[[], None]) -> bool:
    """A received frame goes on at once, and what it lacks is asked for until it comes.

    Upstream: the jitter buffer ignores the marker bit and lets a frame go when the first packet of
    the next one comes: 33 ms late at 30 fps. Not reported; compare aiortc/aiortc#543 for audio.
    A lost packet is asked for once, and again only when another is found missing: not reported.
    """

    def change() -> None:
        check_signature(JitterBuffer.__init__, "self", "capacity", "prefetch", "is_video")
        check_signature(JitterBuffer.add, "self", "packet")
        check_signature(vars(JitterBuffer)["_remove_frame"], "self", "sequence_number")
        name = _REALM["receiver"] + "jitter_buffer"
        stock = cast("JitterBuffer", get_private(receiver, name))
        buffer = MarkedBuffer(stock.capacity, on_gap)
        if vars(stock).keys() != vars(buffer).keys() - {"_on_gap"}:
            raise MisfitError("JitterBuffer has other parts")
        check_signature(NackGenerator.add, "self", "packet")
        nacks = _REALM["receiver"] + "nack_generator"
        swap_private(receiver, nacks, PatientNacks(), NackGenerator)
        swap_private(receiver, name, buffer, JitterBuffer)

    return adapt("early release of frames", change)


def send_playout_delay(
    transceiver: RTCRtpTransceiver, offered: list[RTCRtpHeaderExtensionParameters]
) -> bool:
    """Chromium shows each picture as soon as it is there, in place of smoothing: 40 ms.

    Upstream: the extension is unknown, aiortc/aiortc#668 (open since 2022).
    """

    def change() -> None:
        check_signature(HeaderExtensionsMap.configure, "self", "parameters")
        check_signature(HeaderExtensionsMap.set, "self", "values")
        agreed = cast("list[Any]", get_private(transceiver, "_headerExtensions"))
        name = _REALM["sender"] + "rtp_header_extensions_map"
        swap_private(transceiver.sender, name, PlayoutMap(), HeaderExtensionsMap)
        agreed += [extension for extension in offered if extension.uri == PLAYOUT_DELAY]

    return adapt("playout delay of nought", change)


def take_frames(
    receiver: RTCRtpReceiver, inbox: Inbox, take: Callable[[Frame | None], None]
) -> bool:
    """What is received waits in `inbox` to be decoded, and goes to `take` after it; None: the end.

    Upstream: both queues are unbounded, so that a reader slower than the camera sees an ever older
    picture, and a track that nobody reads fills the memory: aiortc/aiortc#554, #160.
    """

    def change() -> None:
        import queue  # noqa: PLC0415  (only to recognise it)

        track = cast("RemoteStreamTrack", get_private(receiver, "_track"))
        check_signature(RemoteStreamTrack.recv, "self")
        swap_private(track, "_queue", Straight(take), asyncio.Queue)  # noqa: TID251
        swap_private(receiver, _REALM["receiver"] + "decoder_queue", inbox, queue.Queue)  # noqa: TID251

    return adapt("bounded queues", change)


def encode_with(
    sender: RTCRtpSender, encoder: LiveEncoder | None, pool: ThreadPoolExecutor
) -> bool:
    """The sender's encoder and thread; None leaves aiortc's own encoder, as sound has it.

    Upstream: preset, bounds and start of the bitrate are constants, and every tenth of change
    makes the encoder anew with a keyframe: aiortc/aiortc#980, #711. All encoders share asyncio's
    default threads with file and name look-ups: aiortc/aiortc#505.
    """

    def change() -> None:
        name = _REALM["sender"] + "encoder"
        if get_private(sender, name) is not None:
            raise MisfitError("the sender has its encoder already")
        if encoder is not None:
            _replace_lost(sender, encoder.budget)
            _hear_of_losses(sender, encoder.budget)
        swap_private(
            sender, _REALM["sender"] + "loop", OwnThread(pool), type(asyncio.get_running_loop())
        )
        setattr(sender, name, encoder)

    return adapt("encoder for calls", change)


def _replace_lost(sender: RTCRtpSender, budget: Budget) -> None:
    """A picture that can no longer be made whole is followed by one that needs none before it.

    Upstream: 128 packets can be sent again, which may be half a second; a question for an older one
    is passed over, and the browser stands still until it asks for a keyframe. Whatever is asked for
    is sent, as often as it is asked for, which fills a narrow path for good. Not reported.
    """
    resend, force = (getattr(sender, name) for name in ("_retransmit", "_send_keyframe"))
    check_signature(resend, "sequence_number")
    check_signature(force)
    history = get_private(sender, _REALM["sender"] + "rtp_history")
    again = Again(history, resend, force, lambda: budget.bps)
    vars(sender).update(_retransmit=again.send, _send_keyframe=again.keyframe)


def _hear_of_losses(sender: RTCRtpSender, budget: Budget) -> None:
    """The bitrate falls where much is lost.

    Upstream: only the receiver's estimate counts, which a browser sends after some seconds, and
    others never: aiortc/aiortc#170.
    """
    handle = getattr(sender, "_handle_rtcp_packet")  # noqa: B009  (private)
    check_signature(handle, "packet")
    losses = Losses()

    async def hear(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == get_private(sender, "_ssrc"):
                    share = losses.share(report.packets_lost, report.highest_sequence)
                    if share is not None:
                        budget.lost(share)
        await handle(packet)

    vars(sender)["_handle_rtcp_packet"] = hear


async def ask_keyframe(receiver: RTCRtpReceiver) -> None:
    """Ask the peer for a picture that can be decoded without those before it.

    Upstream: one is asked for only when decoding fails, there is no call: aiortc/aiortc#58.
    """
    ask = getattr(receiver, "_send_rtcp_pli", None)
    if ask is None:
        LOG.warning("aiortc %s: no keyframe can be asked for", aiortc.__version__)
        return
    for source in receiver.getSynchronizationSources():
        await ask(source.source)


def offer_loopback(pc: RTCPeerConnection, *, always: bool = False) -> bool:
    """A browser on this machine finds us also when there is no network.

    Upstream: aioice leaves 127.0.0.1 out, as the standard says. `always` adds it beside others.
    It is also silent about a TURN server that does not help: here the log tells.
    """

    def change() -> None:
        check_signature(
            Connection.get_component_candidates, "self", "component", "addresses", "timeout"
        )
        for end in _ends(pc):
            _with_loopback(get_private(end.transport, "_connection"))

    def _with_loopback(connection: Connection) -> None:
        gather = type(connection).get_component_candidates

        async def wider(component: int, addresses: list[str], timeout: int = 5) -> list[Any]:  # noqa: ASYNC109  (theirs)
            more = [_LOOPBACK] if always or not addresses else []
            ways = await gather(connection, component, [*addresses, *more], min(timeout, _STUN_S))
            if connection.turn_server and not any(way.type == "relay" for way in ways):
                LOG.warning(_NO_RELAY, *connection.turn_server, _STUN_S)
            return ways

        vars(connection)["get_component_candidates"] = wider

    return adapt("way through this machine alone", change)


def ignore_empty(pc: RTCPeerConnection) -> bool:
    """Pass over datagrams without a byte, which anybody can send to the port of a call.

    Upstream: the first one ends the call (IndexError in RTCDtlsTransport._recv_next). Not reported.
    """

    def change() -> None:
        for ice in {end.transport for end in _ends(pc)}:
            swap_private(ice, "_recv", _whole(get_private(ice, "_recv")), MethodType)

    def _whole(receive: Callable[[], Coroutine[Any, Any, bytes]]) -> Callable[[], Any]:
        async def received() -> bytes:
            while not (data := await receive()):
                pass
            return data

        return received

    return adapt("patience with empty datagrams", change)


def _ends(pc: RTCPeerConnection) -> list[RTCDtlsTransport]:
    """The ways of a connection; one where all media are bundled."""
    ends = [transceiver.receiver.transport for transceiver in pc.getTransceivers()]
    return ends + ([pc.sctp.transport] if pc.sctp else [])


def data_packets(pc: RTCPeerConnection) -> int:
    """Packets that came for a data channel that has a way of its own, without video or sound.

    Upstream: the statistics of a connection leave that way out.
    """
    if pc.sctp is None or pc.getTransceivers():
        return 0
    return int(vars(pc.sctp.transport).get("_RTCDtlsTransport__rx_packets", 0))


async def close(pc: RTCPeerConnection) -> None:
    """Close a connection wholly, in whatever state it is.

    Upstream: the tasks that build it up belong to nobody, so that one that is closed meanwhile goes
    on and starts to send; and where an offer left it half made, closing fails half way.
    """
    tasks = [task for task in asyncio.all_tasks() if _connects(task, pc)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    try:
        await pc.close()
    except (AttributeError, TypeError, AssertionError) as error:
        LOG.debug("a call that was half made is closed part by part: %s", error)
        for part in ("dtls", "ice"):
            transports = vars(pc).get(f"_RTCPeerConnection__{part}Transports", set[Any]())
            await asyncio.gather(*(t.stop() for t in transports), return_exceptions=True)


def _connects(task: "asyncio.Task[Any]", pc: RTCPeerConnection) -> bool:
    work = task.get_coro()
    if not inspect.iscoroutine(work) or work.cr_frame is None:
        return False
    return work.__name__ == "__connect" and work.cr_frame.f_locals.get("self") is pc


def answer_passively(pc: RTCPeerConnection) -> bool:
    """Leave the start of the DTLS handshake to the other side, as RFC 9725 has it.

    As the one that starts, aiortc offers no cipher for RSA certificates, which GStreamer has.
    """

    def change() -> None:
        for end in _ends(pc):
            if get_private(end, "_role") == "auto":
                swap_private(end, "_role", "server", str)

    return adapt("passive answers", change)
