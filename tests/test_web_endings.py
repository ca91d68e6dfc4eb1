"""How sessions end, and the server with them: nothing is left."""

import asyncio
import threading

import pytest

from streamer.errors import DeviceError
from tests.fakes import FakeClock
from tests.webs import OFFER, World, serve, until


@pytest.mark.parametrize("how", ["lost", "silent"])
def test_a_session_whose_peer_vanishes_is_freed_within_ten_seconds(how):
    """The connection fails, or no video comes any more: its place is free."""

    async def main():
        world = World()
        world.clock = clock = FakeClock()
        async with world.serving():
            await world.begin()
            await until(lambda: world.peers[0].told)
            world.peers[0].camera.fps = 0.0
            if how == "lost":
                world.peers[0].lost.set()
            else:
                clock.advance(9_500)
            await until(lambda: not world.sessions.all)
            assert world.peers[0].closed
            assert world.peers[0].told[-1]["reason"] == how
            assert world.sessions.counts[f"ended {how}"] == 1

    asyncio.run(main())


def test_a_stage_that_fails_ends_its_own_session_only(caplog):
    """Its page is told; the other goes on."""

    async def story(world):
        await world.begin()
        await world.begin()
        world.lives[0].fails = DeviceError("the tracker has gone; start again")
        await until(lambda: len(world.sessions.all) == 1)
        assert world.peers[0].told[-1]["message"] == "the tracker has gone; start again"
        assert world.lives[1].running

    serve(story)
    assert "the tracker has gone" in caplog.text


def test_an_offer_that_cannot_be_answered_leaves_nothing():
    """The place is free again, and the peer closed."""

    async def story(world):
        body = {"sdp": "nonsense", "type": "offer"}
        code, _, problem = await world.ask("POST", "/api/sessions", json=body)
        assert (code, problem["error"]) == (400, "offer")
        assert world.sessions.open == 0
        assert world.peers[0].closed

    serve(story)


def test_draining_lets_nobody_in_tells_those_who_are_there_and_ends_them():
    """As on SIGTERM."""

    async def story(world):
        await world.begin()
        drained = asyncio.ensure_future(world.sessions.drain())
        await until(lambda: "draining" in world.peers[0].kinds())
        code, _, body = await world.ask("POST", "/api/sessions", json=OFFER)
        assert (code, body["error"]) == (503, "draining")
        code, _, body = await world.ask("GET", "/healthz")
        assert (code, body["status"]) == (503, "draining")
        await drained
        assert world.sessions.all == []
        assert world.peers[0].told[-1]["reason"] == "stopped"

    serve(story)


def test_leaving_the_server_ends_all_and_leaves_no_task_or_thread():
    """Sessions in every state, one of which is still being answered."""

    async def main():
        before = len(asyncio.all_tasks()), threading.active_count()
        world = World()
        async with world.serving():
            await world.begin()
            hold = asyncio.Event()
            world.prepare = lambda peer: setattr(peer, "hold", hold)
            asking = asyncio.ensure_future(world.ask("POST", "/api/sessions", json=OFFER))
            await until(lambda: len(world.peers) == 2)
            asyncio.get_running_loop().call_later(0.1, hold.set)
        await asyncio.gather(asking, return_exceptions=True)
        assert all(peer.closed for peer in world.peers)
        assert not any(live.running for live in world.lives)
        await until(lambda: len(asyncio.all_tasks()) == before[0])
        assert threading.active_count() <= before[1] + 1  # the loop's own resolver

    asyncio.run(main())


def test_a_cancelled_server_still_closes_everything():
    """As by a second Ctrl-C: the exception goes on when all is closed."""

    async def main():
        world = World()
        up = asyncio.Event()

        async def run():
            async with world.serving():
                await world.begin()
                up.set()
                await asyncio.sleep(3600)

        task = asyncio.ensure_future(run())
        await up.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert world.peers[0].closed
        assert not world.lives[0].running

    asyncio.run(main())
