"""How a connection's media are joined to a camera, a voice and a sink, with every adaptation."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtcrtptransceiver import RTCRtpTransceiver
from aiortc.sdp import MediaDescription
from av.frame import Frame

from streamer.web import rtc
from streamer.web.budget import Bitrates
from streamer.web.encode import live_encoder
from streamer.web.inbox import Inbox
from streamer.web.incoming import EchoedVoice, PeerCamera
from streamer.web.offer import VIDEO_CODECS
from streamer.web.outgoing import Pictures

_VIDEO_WAITING, _SOUND_WAITING = 8, 50
"""Frames that may wait to be decoded: a quarter of a second, one second."""

Pump = Coroutine[Any, Any, None]
Take = Callable[[Frame | None, int | None], None]
"""Takes a decoded frame, and when its last packet came; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What the media of a call are joined to."""

    camera: PeerCamera
    voice: EchoedVoice | None
    """None where the microphone is not sent back."""
    view: Callable[[], Pictures]
    """Makes the track with the pictures, if it is wanted."""
    bitrates: Bitrates
    threads: ThreadPoolExecutor
    """Where senders encode."""
    encoded: Callable[[int], object]
    """Is told the instant of each picture, its pts, when it is encoded."""


def prepare(pc: RTCPeerConnection, media: list[MediaDescription], ends: Ends, codec: str) -> None:
    """Make what is sent: it must be there, with the order of codecs, before the offer is taken.

    Upstream, codecs that are preferred after the offer was set are silently ignored.
    """
    for section in media:
        if section.kind == "video":
            looks = section.direction in {"sendrecv", "recvonly"}
            direction = "sendrecv" if looks else "recvonly"
            transceiver = pc.addTransceiver(ends.view() if looks else "video", direction)
            transceiver.setCodecPreferences(_by_preference(codec))
            break
    for section in media:
        if section.kind == "audio" and section.direction == "sendrecv" and ends.voice is not None:
            pc.addTransceiver(ends.voice)
            break


def join(pc: RTCPeerConnection, media: list[MediaDescription], ends: Ends) -> list[Pump]:
    """Once the offer is taken and before it is answered: adapt and join what was agreed.

    Returns what is to run beside the call, where aiortc could not be adapted.
    """
    sections = {section.rtp.muxId: section for section in media}
    pumps: list[Pump] = []
    received: set[str] = set()
    for transceiver in pc.getTransceivers():
        if _track_of(transceiver.receiver) is not None:
            take = _taker(ends, transceiver.kind, first=transceiver.kind not in received)
            received.add(transceiver.kind)
            pumps += _receive(transceiver.receiver, take)
        section = sections.get(transceiver.mid or "")
        if section is not None and _track_of(transceiver.sender) is not None:
            _send(transceiver, section, ends)
    return pumps


def video_codec(pc: RTCPeerConnection) -> str:
    """The codec that was agreed for the video; empty where there is none."""
    for transceiver in pc.getTransceivers():
        agreed = cast("list[Any]", vars(transceiver).get("_codecs", []))
        if transceiver.kind == "video" and agreed:
            return cast("str", agreed[0].name)
    return ""


def _by_preference(first: str) -> list[RTCRtpCodecCapability]:
    known = RTCRtpSender.getCapabilities("video").codecs
    order = dict.fromkeys((first, *VIDEO_CODECS))
    others = [codec for codec in known if codec.name not in VIDEO_CODECS]  # retransmission
    return [codec for name in order for codec in known if codec.name == name] + others


def _taker(ends: Ends, kind: str, *, first: bool) -> Take:
    """The first video is the camera, the first sound the voice; whatever else comes is dropped."""
    if first and kind == "video":
        return partial(_see, ends.camera)
    if first and ends.voice is not None:
        return partial(_hear, ends.voice)
    return _drop


def _see(camera: PeerCamera, frame: Frame | None, came_ns: int | None) -> None:
    if isinstance(frame, av.VideoFrame):
        camera.offer(frame, came_ns)


def _hear(voice: EchoedVoice, frame: Frame | None, _: int | None) -> None:
    if isinstance(frame, av.AudioFrame):
        voice.offer(frame)


def _drop(_: Frame | None, __: int | None) -> None:
    pass


def _receive(receiver: RTCRtpReceiver, take: Take) -> list[Pump]:
    loop = asyncio.get_running_loop()
    asked: set[asyncio.Task[None]] = set()

    def ask() -> None:
        loop.call_soon_threadsafe(ask_on_loop)

    def ask_on_loop() -> None:
        task = loop.create_task(rtc.ask_keyframe(receiver))
        asked.add(task)
        task.add_done_callback(asked.discard)

    if receiver.track.kind == "video":
        inbox = Inbox(_VIDEO_WAITING, ask)
        rtc.release_at_marker(receiver, inbox.await_keyframe)
    else:
        inbox = Inbox(_SOUND_WAITING, _nothing)

    def decoded(frame: Frame | None) -> None:
        take(frame, inbox.came_ns)

    return [] if rtc.take_frames(receiver, inbox, decoded) else [_pump(receiver, take)]


def _track_of(end: RTCRtpReceiver | RTCRtpSender) -> MediaStreamTrack | None:
    return cast("MediaStreamTrack | None", end.track)  # aiortc's own types leave the None out


def _nothing() -> None:
    pass


async def _pump(receiver: RTCRtpReceiver, take: Take) -> None:
    """What `take_frames` does without a task, where aiortc could not be adapted."""
    try:
        while True:
            take(await cast("Any", receiver.track).recv(), None)
    except MediaStreamError:
        take(None, None)


def _send(transceiver: RTCRtpTransceiver, section: MediaDescription, ends: Ends) -> None:
    if transceiver.kind == "audio":
        rtc.encode_with(transceiver.sender, None, ends.threads)
        return
    agreed = cast("list[Any]", vars(transceiver).get("_codecs", []))
    name = agreed[0].name if agreed else ""
    encoder = live_encoder(name, ends.bitrates, done=ends.encoded) if name else None
    rtc.encode_with(transceiver.sender, encoder, ends.threads)
    rtc.send_playout_delay(transceiver, section.rtp.headerExtensions)
