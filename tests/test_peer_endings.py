"""How calls end, and that nothing of them is left: by either side, half way, in silence."""

import asyncio

import pytest

from streamer.errors import EndOfStream
from streamer.web import peer as peer_module
from streamer.web.peer import Peer, PeerSink
from streamer.web.vitals import Vitals
from tests.calls import ALONE, Film, Page, call, run_leaving_nothing, until
from tests.fakes import FakeClock


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
        sctp = None

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


def test_a_peer_that_only_sends_messages_is_heard():
    """A data channel alone: aiortc's statistics leave its way out."""

    async def main():
        async with call() as (page, peer):
            await until(lambda: page.channel.readyState == "open", "open")
            vitals = Vitals(peer._pc)
            await vitals.silent_ns()
            await asyncio.sleep(0.05)
            before = await vitals.silent_ns()
            page.channel.send('{"t":"hello"}')
            while await vitals.silent_ns() > before:  # noqa: ASYNC110  (it is counted)
                await asyncio.sleep(0.01)

    run_leaving_nothing(main)


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
