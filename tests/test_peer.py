"""Calls between a page and a peer, both of aiortc, on this machine alone."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from aiortc import AudioStreamTrack
from av import AudioFrame

from streamer.errors import EndOfStream
from streamer.web.peer import MediaSettings, Peer
from tests.calls import ALONE, Film, Page, call, grey, run_leaving_nothing, until


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
            assert 0 < stats.codec_ms < 1000
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
