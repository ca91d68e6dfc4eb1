"""Every adaptation of aiortc does what it is for, and what it adapts is still what it was."""

import asyncio
import hashlib
import inspect
import logging
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import aioice
import aiortc
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import HeaderExtensionsMap, RtcpReceiverInfo, RtcpRrPacket

from streamer.web import rtc
from streamer.web.adapt import adapt, get_private
from streamer.web.playout import PLAYOUT_DELAY
from streamer.web.uplink import hasten_uplink
from tests.calls import Film, Page, call, run_leaving_nothing, until

KNOWN = {
    "JitterBuffer": JitterBuffer,
    "HeaderExtensionsMap": HeaderExtensionsMap,
    "decoder_worker": rtcrtpreceiver.decoder_worker,
    "RemoteStreamTrack": rtcrtpreceiver.RemoteStreamTrack,
    "NackGenerator": rtcrtpreceiver.NackGenerator,
    "receiver": rtcrtpreceiver.RTCRtpReceiver,
    "sender": aiortc.RTCRtpSender,
    "H264Encoder": aiortc.codecs.h264.H264Encoder,
    "Vp8Encoder": aiortc.codecs.vpx.Vp8Encoder,
    "gather": aioice.Connection.gather_candidates,
    "component": aioice.Connection.get_component_candidates,
    "connect": vars(RTCPeerConnection)["_RTCPeerConnection__connect"],
    "receive": vars(aiortc.RTCDtlsTransport)["_recv_next"],
}
SUMS = {
    "JitterBuffer": "17030fbb0982",
    "HeaderExtensionsMap": "b2094056d6bc",
    "decoder_worker": "d500d4e567d6",
    "RemoteStreamTrack": "a69be688b066",
    "NackGenerator": "4e89418b046d",
    "receiver": "9a485e6f515f",
    "sender": "57274ec81025",
    "H264Encoder": "bfff7b511a13",
    "Vp8Encoder": "6cf4262a7b1d",
    "gather": "d33db28d4d1e",
    "component": "118597a9fcb7",
    "connect": "9199a73a7cde",
    "receive": "998076720c05",
}
"""Of the source of each, in aiortc 1.16.0 and the aioice beside it."""


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_adapted_upstream_is_still_what_it_was(name):
    """If this fails, aiortc or aioice changed: read the change, test the calls, renew the sum."""
    source = inspect.getsource(KNOWN[name])
    assert hashlib.sha256(source.encode()).hexdigest()[:12] == SUMS[name]


def test_an_unknown_version_is_left_as_it_is_with_a_warning(caplog):
    """Calls work on, only slower."""
    changes = []
    assert not adapt("early release", lambda: changes.append(1), version="1.17.0")
    assert not changes
    assert "aiortc 1.17.0: no early release" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_an_attribute_that_went_is_a_warning_and_no_crash(caplog):
    """The library may change within its version too."""

    async def main():
        pc = RTCPeerConnection(RTCConfiguration([]))
        receiver = pc.addTransceiver("video").receiver
        del receiver._RTCRtpReceiver__jitter_buffer
        assert not rtc.release_at_marker(receiver, lambda: None)
        await pc.close()

    asyncio.run(main())
    assert "RTCRtpReceiver has no _RTCRtpReceiver__jitter_buffer" in caplog.text


@pytest.mark.parametrize("broken", ["release_at_marker", "take_frames", "encode_with"])
def test_a_call_works_without_an_adaptation(monkeypatch, broken):
    """Stock behaviour takes its place."""
    monkeypatch.setattr(rtc, broken, lambda *_: False)

    async def main():
        async with call(Film()) as (page, peer):
            await _echoed(page, peer)

    run_leaving_nothing(main)


async def _echoed(page, peer):
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        while not page.frames:
            image = await loop.run_in_executor(pool, peer.camera.read)
            if image is not None:
                peer.sink.send(image)


def test_the_uplink_hint_is_on_every_video_codec_and_nowhere_else():
    """Retransmission and sound are left as they are."""
    lines = [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10",
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:98 H264/90000",
        "a=fmtp:98 profile-level-id=42e01f;packetization-mode=1",
    ]
    hinted = hasten_uplink("\r\n".join(lines) + "\r\n", 2500).splitlines()
    hint = "x-google-start-bitrate=2500;x-google-min-bitrate=500;x-google-max-bitrate=5000"
    assert hinted[:4] == lines[:4]
    assert hinted[4] == f"a=fmtp:96 {hint}"
    assert hinted[5:8] == lines[4:7]
    assert hinted[8] == f"{lines[7]};{hint}"


def test_two_ends_find_each_other_over_127_0_0_1_alone(monkeypatch):
    """A machine without any network."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: [])

    async def main():
        async with call(Film()) as (page, peer):
            await until(lambda: peer.camera.fps, "a frame came")
            assert "127.0.0.1" in page.pc.localDescription.sdp

    run_leaving_nothing(main)


def test_an_empty_datagram_of_a_stranger_ends_no_call():
    """As it does upstream."""

    async def main():
        async with call(Film()) as (page, peer):
            found = re.search(r" 127\.0\.0\.1 (\d+) typ host", page.pc.remoteDescription.sdp)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"", ("127.0.0.1", int(found[1])))
            await asyncio.sleep(0.1)
            came = len(peer.camera._came)
            await until(lambda: len(peer.camera._came) > came + 3, "frames came")

    run_leaving_nothing(main)


def test_a_keyframe_that_is_asked_for_comes():
    """By the peer, of the page."""
    asked = []

    async def main():
        async with call(Film()) as (page, peer):
            sender = page.pc.getSenders()[0]
            sender._send_keyframe = lambda: asked.append(1)
            await until(lambda: peer.camera.fps, "a frame came")
            await peer.request_keyframe()
            await until(lambda: asked, "asked")

    run_leaving_nothing(main)


def test_a_page_gets_its_keyframe():
    """Both ways of asking lead to the encoder that is ours."""
    forced = []

    async def main():
        async with call(Film()) as (page, peer):
            await _echoed(page, peer)
            sender = peer._pc.getSenders()[0]
            encoder = get_private(sender, "_RTCRtpSender__encoder")
            encode = encoder.encode
            encoder.encode = lambda frame, force: forced.append(force) or encode(frame, force)
            await rtc.ask_keyframe(page.pc.getReceivers()[0])
            count = len(page.frames)
            page.frames.clear()
            while True not in forced:
                await _echoed(page, peer)
                page.frames.clear()
            assert count

    run_leaving_nothing(main)


def test_a_page_that_lacks_too_old_a_packet_gets_a_keyframe():
    """It cannot be sent again, and without it nothing after it can be shown."""
    forced = []

    async def main():
        async with call(Film()) as (page, peer):
            await _echoed(page, peer)
            sender, receiver = peer._pc.getSenders()[0], page.pc.getReceivers()[0]
            history = get_private(sender, "_RTCRtpSender__rtp_history")
            too_old = min(packet.sequence_number for packet in history.values()) - 200
            sender._retransmit.__self__._send_keyframe = lambda: forced.append(1)
            ssrc = receiver.getSynchronizationSources()[0].source
            await receiver._send_rtcp_nack(ssrc, [too_old % 65536])
            await until(lambda: forced, "forced")

    run_leaving_nothing(main)


def test_a_page_that_tells_of_loss_gets_fewer_bits():
    """Its reports count from the beginning."""

    async def main():
        async with call(Film()) as (page, peer):
            await _echoed(page, peer)
            sender = peer._pc.getSenders()[0]
            encoder = get_private(sender, "_RTCRtpSender__encoder")
            before = encoder.target_bitrate
            lost = 0
            while encoder.target_bitrate >= before:  # the page's own reports come between
                report = RtcpReceiverInfo(sender._ssrc, 100, lost, 70000 + 2 * lost, 0, 0, 0)
                await sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[report]))
                await asyncio.sleep(0.5)
                lost += 40

    run_leaving_nothing(main)


def test_the_page_is_offered_playout_delay_when_it_offers_it(monkeypatch):
    """And the packets then carry it."""
    extension = RTCRtpHeaderExtensionParameters(id=9, uri=PLAYOUT_DELAY)
    monkeypatch.setitem(
        aiortc.codecs.HEADER_EXTENSIONS,
        "video",
        [*aiortc.codecs.HEADER_EXTENSIONS["video"], extension],
    )

    async def main():
        async with call(Film()) as (page, peer):
            assert f"a=extmap:9 {PLAYOUT_DELAY}" in page.pc.remoteDescription.sdp
            await _echoed(page, peer)

    run_leaving_nothing(main)


def test_a_connection_that_cannot_be_closed_is_closed_part_by_part(monkeypatch):
    """As aiortc leaves them after some offers."""

    async def fail(_):
        raise AttributeError("half made")

    async def main():
        page = Page()
        page.pc.addTrack(Film())
        await page.offer()
        monkeypatch.setattr(RTCPeerConnection, "close", fail)
        await rtc.close(page.pc)

    run_leaving_nothing(main)


def test_a_page_alone_leaves_nothing():
    """The helper of these tests does not leak by itself."""

    async def main():
        page = Page()
        await page.offer()
        await page.close()

    run_leaving_nothing(main)
