import asyncio
import json
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from aiortc import AudioStreamTrack
from av import AudioFrame

from streamer.errors import EndOfStream
from streamer.web import peer as peer_module
from streamer.web.peer import MediaSettings, Peer, PeerError, PeerSink
from streamer.web.vitals import Vitals
from tests.calls import ALONE, Film, Page, call, grey, run_leaving_nothing, until
from tests.fakes import FakeClock


class Mirror:
    """Sends back a picture for each image that comes, on a thread of its own."""

    def __init__(self, peer):
        self._peer = peer
        self._thread = threading.Thread(target=self._run)
        self.sizes = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._peer.camera.close()
        self._thread.join()

    def _run(self):
        try:
            while True:
                image = self._peer.camera.read()
                if image is not None:
                    self.sizes.append(image.shape[1::-1])
                    level = int(image[image.shape[0] // 2, image.shape[1] // 2, 0])
                    self._peer.sink.send(np.full((48, 64, 3), level, np.uint8))
        except EndOfStream:
            pass


@pytest.mark.parametrize("codec", ["H264", "VP8", None])
def test_a_call_shows_the_page_what_the_sink_is_sent(codec):
    """From the page's camera to its screen, through both codecs and networks' ends."""

    async def main():
        film = Film(lambda n: grey(60 if n % 40 < 20 else 180))
        async with call(film, codec=codec) as (page, peer):
            with Mirror(peer):
                await until(lambda: len(page.frames) > 60, "60 pictures")
                stats = await peer.stats()
            levels = [int(frame.to_ndarray(format="rgb24")[24, 32, 0]) for frame in page.frames]
            assert min(levels) < 75
            assert max(levels) > 165
            assert stats.codec == (codec or "H264")
            assert stats.received_fps > 1
            assert stats.bitrate_kbps > 0
            assert stats.lost_packets == 0
            assert stats.codec in peer.camera.label

    run_leaving_nothing(main)


def test_sizes_may_change_mid_call():
    """As when a telephone is turned."""
    sizes = [(64, 48), (48, 64), (128, 96)]

    async def main():
        film = Film(lambda n: grey(n % 200, *sizes[n // 15 % 3]))
        async with call(film) as (_, peer):
            with Mirror(peer) as mirror:
                await until(lambda: set(mirror.sizes) == set(sizes), "seen in every size")

    run_leaving_nothing(main)


def test_a_slow_sink_reader_keeps_the_age_flat():
    """The page's numbers stay near to those of its camera, however slow the work between is."""

    async def main():
        film = Film(lambda n: grey(16 + 2 * (n % 100)))
        behind = []
        async with call(film) as (_, peer):
            loop = asyncio.get_running_loop()
            with ThreadPoolExecutor(1) as pool:
                await until(lambda: peer.camera.fps, "a frame came")
                for _ in range(12):
                    image = await loop.run_in_executor(pool, peer.camera.read)
                    number = round((int(image[24, 32, 0]) - 16) / 2)
                    behind.append((film.count - number) % 100)
                    await asyncio.sleep(0.1)
        assert max(behind[2:]) <= 5

    run_leaving_nothing(main)


def test_a_page_that_sends_nothing_gets_pictures_all_the_same():
    """A viewer: WHEP, or the clean view."""

    async def main():
        def only_look(page):
            page.pc.addTransceiver("video", direction="recvonly")

        async with call(before=only_look) as (page, peer):
            while len(page.frames) < 3:
                peer.sink.send(np.full((48, 64, 3), 99, np.uint8))
                await asyncio.sleep(0.01)
            assert peer.camera.state == "no video has come from the browser yet"

    run_leaving_nothing(main)


def test_a_page_that_only_sends_gets_nothing():
    """A broadcaster: WHIP."""

    async def main():
        def only_send(page):
            page.pc.addTransceiver(Film(), direction="sendonly")

        async with call(before=only_send) as (page, peer):
            await until(lambda: peer.camera.fps, "a frame came")
            assert page.pc.getTransceivers()[0].currentDirection == "sendonly"
            assert (await peer.stats()).codec == "H264"

    run_leaving_nothing(main)


def test_sound_alone_comes_back():
    """A page without a camera; its voice is echoed."""

    async def main():
        async with call(AudioStreamTrack()) as (page, peer):
            await until(lambda: len(page.frames) > 3, "sound")
            assert all(isinstance(frame, AudioFrame) for frame in page.frames)
            assert (await peer.stats()).codec == ""

    run_leaving_nothing(main)


def test_no_sound_comes_back_where_it_is_not_wanted():
    """By the settings."""

    async def main():
        settings = MediaSettings(loopback=True, echo_voice=False)
        async with call(AudioStreamTrack(), Film(), settings=settings) as (page, peer):
            with Mirror(peer):
                await until(lambda: len(page.frames) > 3, "pictures")
            assert not any(isinstance(frame, AudioFrame) for frame in page.frames)

    run_leaving_nothing(main)


def test_several_viewers_see_the_same():
    """Each by a connection of its own."""

    async def main():
        async with call(Film()) as (page, peer):
            viewer_page, viewer = Page(), Peer(peer.sink, settings=ALONE)
            viewer_page.pc.addTransceiver("video", direction="recvonly")
            await viewer_page.accept(await viewer.answer(await viewer_page.offer(), codec="VP8"))
            with Mirror(peer):
                await until(lambda: page.frames and viewer_page.frames, "both saw it")
            await viewer_page.close()
            await viewer.close()
            assert not peer.lost.is_set()

    run_leaving_nothing(main)


def test_messages_go_both_ways_and_pings_are_answered():
    """What is no message of ours is passed over."""
    heard = []

    async def main():
        async with call(Film()) as (page, peer):
            peer.on_message = heard.append
            await until(lambda: page.channel.readyState == "open", "open")
            for text in ("{", "[1]", '"x"', "[" * 9000, b"\0", '{"t":"ping","id":7,"at":1.5}'):
                page.channel.send(text)
            page.channel.send('{"t":"hello"}')
            await until(lambda: heard, "heard")
            peer.tell({"t": "status", "fpsIn": 30})
            await until(lambda: len(page.said) == 2, "told")
            pong, status = map(json.loads, page.said)
            assert (pong["t"], pong["id"], pong["at"]) == ("pong", 7, 1.5)
            assert pong["serverNs"] > 0
            assert status["fpsIn"] == 30

    run_leaving_nothing(main)
    assert heard == [{"t": "hello"}]


def test_nothing_is_told_to_who_has_no_channel():
    """Neither before it is open nor after the end."""

    async def main():
        peer = Peer(PeerSink(64, 48, 30))
        peer.tell({"t": "status"})
        await peer.close()
        peer.tell({"t": "status"})

    run_leaving_nothing(main)


def test_a_page_that_hangs_up_is_lost():
    """At once."""

    async def main():
        async with call(Film()) as (page, peer):
            await page.close()
            await asyncio.wait_for(peer.lost.wait(), 30)

    run_leaving_nothing(main)


def test_a_peer_that_falls_silent_is_lost(monkeypatch):
    """Its plug was pulled: nothing says so. Counted from the last packet of any kind."""
    monkeypatch.setattr(peer_module, "_SILENT_NS", 10**6)
    monkeypatch.setattr(peer_module, "_WATCH_S", 0.01)

    async def main():
        page, peer = Page(), Peer(PeerSink(64, 48, 30), settings=ALONE)
        page.pc.addTrack(Film())
        await peer.answer(await page.offer())
        await asyncio.wait_for(peer.lost.wait(), 30)
        await page.close()
        await peer.close()

    run_leaving_nothing(main)


def test_silence_is_counted_from_the_last_packet():
    """Media or reports, whichever came."""

    class Report:
        type = "transport"
        packetsReceived = 0  # noqa: N815

    class Connection:
        async def getStats(self):  # noqa: N802
            return {"t": Report}

    async def main():
        clock = FakeClock()
        vitals = Vitals(Connection(), clock)
        silences = []
        for packets in (0, 5, 5, 5, 6):
            Report.packetsReceived = packets
            clock.advance(1000)
            silences.append(await vitals.silent_ns() / 1e9)
        return silences

    assert asyncio.run(main()) == [1, 0, 1, 2, 0]


def test_twenty_calls_leave_nothing():
    """Task, thread or socket."""

    async def main():
        for number in range(20):
            async with call(Film(), codec=("H264", "VP8")[number % 2]) as (_, peer):
                await until(lambda peer=peer: peer.camera.fps, "a frame came")

    run_leaving_nothing(main)


@pytest.mark.parametrize("steps", range(4))
def test_a_call_that_ends_half_way_leaves_nothing(steps):
    """Before the offer, after it, while the two look for each other, and twice."""

    async def main():
        page, sink = Page(), PeerSink(64, 48, 30)
        peer = Peer(sink, settings=ALONE)
        page.pc.addTrack(Film())
        if steps:
            answer = await peer.answer(await page.offer())
        if steps > 1:
            await page.accept(answer)
        if steps > 2:
            await asyncio.sleep(0.03)
        await asyncio.gather(peer.close(), peer.close())
        await page.close()
        assert peer.lost.is_set()
        with pytest.raises(EndOfStream):
            peer.camera.read()

    run_leaving_nothing(main)


def test_an_answer_that_is_cancelled_leaves_nothing():
    """The page's request was broken off."""

    async def main():
        page, peer = Page(), Peer(PeerSink(64, 48, 30), settings=ALONE)
        page.pc.addTrack(Film())
        answering = asyncio.ensure_future(peer.answer(await page.offer()))
        await asyncio.sleep(0)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        await page.close()

    run_leaving_nothing(main)


async def real_offer():
    """As a browser writes it: video, sound, data."""
    page = Page()
    page.pc.addTrack(Film())
    page.pc.addTrack(AudioStreamTrack())
    sdp = await page.offer()
    await page.close()
    return sdp


def mutated(sdp, rng):
    """The offer with a few lines lost, doubled, moved, cut or garbled."""
    lines = sdp.splitlines()
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        line = lines.pop(at)
        lines[at:at] = rng.choice(GARBLINGS)(line, rng)
        if rng.random() < 0.2:
            lines.insert(rng.randrange(len(lines) + 1), line)
    return "\r\n".join(lines) + "\r\n"


GARBLINGS = (
    lambda line, rng: [],
    lambda line, rng: [line[: rng.randrange(len(line) + 1)]],
    lambda line, rng: [re.sub(r"\d+", lambda _: str(rng.choice((0, -1, 9, 2**40))), line)],
    lambda line, rng: [line + rng.choice((" ", ":", ";x=", "\0", "\u0394", " 1" * 500))],
    lambda line, rng: [" ".join(sorted(line.split(" "), key=lambda _: rng.random()))],
    lambda line, rng: [line.replace(rng.choice("aeiou0123:/= "), rng.choice("xyz09: "))],
)


async def try_offers(count, seed):
    """Answer mutated offers; how many were answered, and how many refused in one sentence."""
    sdp, rng = await real_offer(), random.Random(seed)
    answered = refused = 0
    for _ in range(count):
        peer = Peer(PeerSink(64, 48, 30), settings=MediaSettings(loopback=True))
        try:
            await peer.answer(mutated(sdp, rng), codec=rng.choice((None, "VP8", "H264", "x")))
            answered += 1
        except PeerError as error:
            refused += "\n" not in str(error)
        await peer.close()
    return answered, refused


def test_garbled_offers_are_answered_or_refused_and_leave_nothing():
    """Nothing else is raised, nothing hangs."""

    async def main():
        answered, refused = await try_offers(300, 1)
        assert answered > 20
        assert refused == 300 - answered

    run_leaving_nothing(main)
