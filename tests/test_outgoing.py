import asyncio
import threading

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from streamer.web.outgoing import PeerSink
from tests.fakes import FakeClock
from tests.media import counted


def level_of(frame):
    return int(frame.to_ndarray()[0, 0, 0])


def test_each_viewer_gets_the_newest_and_no_queue_is_kept():
    """However slow one of them is."""

    async def main():
        sink = PeerSink(64, 48, 30)
        quick, slow = sink.track, sink.subscribe()
        seen = []
        for number in range(20):
            await asyncio.to_thread(sink.send, counted(number))
            seen.append(level_of(await quick.recv()))
        assert seen == [20 + 10 * number for number in range(20)]
        assert level_of(await slow.recv()) == 210
        assert not slow._slot._item
        sink.close()

    asyncio.run(main())


def test_instants_rise_with_the_clock_and_never_repeat():
    """Two pictures in one tick are two pictures."""

    async def main():
        clock = FakeClock()
        sink = PeerSink(64, 48, 30, clock)
        instants = []
        for pause_ms in (0, 100, 0, 1000):
            clock.advance(pause_ms)
            sink.send(counted(1))
            instants.append((await sink.track.recv()).pts)
        assert instants == [0, 9000, 9001, 99_000]
        sink.close()

    asyncio.run(main())


def test_who_comes_later_sees_the_newest_picture_at_once():
    """A clean view is not black until the next one."""

    async def main():
        sink = PeerSink(64, 48, 30)
        sink.send(counted(3))
        assert level_of(await sink.subscribe().recv()) == 50
        sink.close()

    asyncio.run(main())


def test_closing_ends_every_track_also_those_that_wait():
    """And those that come too late."""

    async def main():
        sink = PeerSink(64, 48, 30)
        waiting = asyncio.ensure_future(sink.track.recv())
        await asyncio.sleep(0)
        sink.close()
        with pytest.raises(MediaStreamError):
            await waiting
        assert sink.track.readyState == "ended"
        with pytest.raises(MediaStreamError):
            await sink.subscribe().recv()
        sink.send(counted(1))

    asyncio.run(main())


def test_a_viewer_that_leaves_is_forgotten():
    """Pictures are not made for it any more."""

    async def main():
        sink = PeerSink(64, 48, 30)
        viewer = sink.subscribe()
        assert "1 viewer" in sink.label
        viewer.stop()
        assert "0 viewers" in sink.label
        sink.send(counted(1))
        with pytest.raises(MediaStreamError):
            await viewer.recv()
        sink.close()

    asyncio.run(main())


def test_viewers_may_come_and_go_while_pictures_are_sent():
    """From another thread, without a lost picture for those who stay."""

    async def main():
        sink, stop = PeerSink(64, 48, 30), threading.Event()

        def send():
            while not stop.is_set():
                sink.send(counted(1))

        thread = threading.Thread(target=send)
        thread.start()
        for _ in range(100):
            viewer = sink.subscribe()
            await viewer.recv()
            viewer.stop()
        stop.set()
        await asyncio.to_thread(thread.join)
        sink.close()

    asyncio.run(main())


def test_a_picture_of_another_size_is_refused():
    """The canvas does not change within a session."""

    async def main():
        with pytest.raises(ValueError, match=r"\(48, 32, 3\).*\(48, 64, 3\)"):
            PeerSink(64, 48, 30).send(np.zeros((48, 32, 3), np.uint8))

    asyncio.run(main())


def test_what_was_sent_is_the_sinks_own():
    """The caller may draw on its picture again."""

    async def main():
        sink = PeerSink(64, 48, 30)
        image = counted(1)
        sink.send(image)
        image[:] = 0
        assert level_of(await sink.track.recv()) == 30
        sink.close()

    asyncio.run(main())
