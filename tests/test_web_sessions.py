"""Sessions: how they begin, who gets one, what a page can ask for, and how each ends."""

import asyncio

from streamer.clock import SECOND
from tests.fakes import FakeClock
from tests.webs import OFFER, World, own_portrait, serve, until

VIEW = (("GET", "/view"), ("POST", "/view"))


def test_a_session_is_answered_runs_and_ends():
    """From the offer to the end; nothing of it is left."""

    async def story(world):
        opened = await world.begin(codec="VP8", controls={"mirror": True, "portrait": "bruno"})
        assert opened["sdp"] == "v=0 answer VP8"
        assert world.opened[0].portrait == "bruno"
        assert world.lives[0].desk.controls.mirror
        status = await world.status(opened)
        assert status["ageMs"] == {"p50": 20.0, "p95": 28.0}
        assert (status["state"], status["sessionsOpen"]) == ("running", 1)
        code, _, _ = await world.ask("DELETE", f"/api/sessions/{opened['id']}", key=opened["key"])
        assert code == 204
        await until(lambda: not world.sessions.all)
        (peer,) = world.peers
        assert peer.closed
        assert peer.sink.closed
        assert peer.kinds()[-1] == "ended"
        assert not world.lives[0].running

    serve(story)


def test_the_page_is_told_how_it_goes():
    """Messages by the data channel, with the figures a read-out needs."""

    async def story(world):
        await world.begin()
        await until(lambda: world.peers[0].told)
        told = world.peers[0].told[0]
        assert told["t"] == "status"
        assert told["ageMs"] == {"p50": 20.0, "p95": 28.0}
        assert {"fpsIn", "fpsOut", "dropped", "presence", "codec", "bitrateKbps"} <= set(told)
        assert (told["codec"], told["bitrateKbps"]) == ("VP8", 2400)

    serve(story)


def test_controls_and_commands_reach_the_desk():
    """All of a request or nothing; what is not for visitors is refused."""

    async def story(world):
        opened = await world.begin()
        path, key = f"/api/sessions/{opened['id']}", opened["key"]

        async def change(body):
            return await world.ask("PATCH", f"{path}/controls", key=key, json=body)

        code, _, now = await change({"gains": {"mouth": 1.5}, "background": "blur"})
        assert (code, now["gains"]["mouth"], now["background"]) == (200, 1.5, "blur")
        assert (await change({"gains": {"mouth": 9}}))[0] == 422
        assert (await change({"mirror": True, "portrait": "nobody"}))[0] == 422
        assert not world.lives[0].desk.controls.mirror
        assert (await change({"recording": True}))[0] == 422
        assert (await change({"background": "image"}))[0] == 422
        code, _, now = await world.ask("POST", f"{path}/commands/panic", key=key)
        assert (code, now["panic"]) == (200, True)
        for name in ("quit", "record", "nonsense"):
            code, _, problem = await world.ask("POST", f"{path}/commands/{name}", key=key)
            assert (code, problem["error"]) == (404, "command")
        assert not world.lives[0].desk.controls.quit

    serve(story)


def test_a_session_is_its_keys_alone():
    """Without the key there is no such session, whoever asks."""

    async def story(world):
        opened = await world.begin()
        for key in (None, "", "wrong", "ä"):
            for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/end"), *VIEW):
                where = f"/api/sessions/{opened['id']}{path}"
                options = {} if key is None else {"params": {"key": key}}
                code, _, body = await world.ask(method, where, json=OFFER, **options)
                assert (code, body["error"]) == (404, "session")
        assert world.sessions.open == 1

    serve(story)


def test_a_page_that_closes_ends_its_session_with_a_beacon():
    """The key is in the address, as a beacon has no headers."""

    async def story(world):
        opened = await world.begin()
        path = f"/api/sessions/{opened['id']}/end?key={opened['key']}"
        headers = {"Origin": "null", "Content-Type": "text/plain"}
        assert (await world.ask("POST", path, headers=headers))[0] == 204
        await until(lambda: not world.sessions.all)

    serve(story)


def test_a_reload_gets_its_settings_back():
    """The cookie tells who it is; another browser begins as usual."""

    async def story(world):
        opened = await world.begin(controls={"gains": {"eyes": 0.5}, "portrait": "bruno"})
        key = opened["key"]
        await world.ask("DELETE", f"/api/sessions/{opened['id']}", key=key)
        await until(lambda: not world.sessions.all)
        _, _, setup = await world.ask("GET", "/api/setup")
        assert setup["controls"]["gains"]["eyes"] == 0.5
        await world.begin()
        controls = world.lives[1].desk.controls
        assert (controls.gains.eyes, controls.portrait) == (0.5, "bruno")
        world.http.cookie_jar.clear()
        await world.begin()
        assert world.lives[2].desk.controls.gains.eyes == 1.0

    serve(story)


def test_watchers_see_a_session_and_go_with_it():
    """The clean view: a few for each session, with its key."""

    async def story(world):
        opened = await world.begin()
        path = f"/api/sessions/{opened['id']}/view"
        code, _, told = await world.ask("GET", path, key=opened["key"])
        assert (code, told) == (200, {"iceServers": []})
        for _ in range(4):
            assert (await world.ask("POST", path, key=opened["key"], json=OFFER))[0] == 201
        assert (await world.ask("POST", path, key=opened["key"], json=OFFER))[0] == 429
        session, *viewers = world.peers
        assert all(viewer.sink is session.sink for viewer in viewers)
        viewers[0].lost.set()
        await until(lambda: viewers[0].closed)
        await world.ask("DELETE", f"/api/sessions/{opened['id']}", key=opened["key"])
        await until(lambda: not world.sessions.all)
        assert all(viewer.closed for viewer in viewers)

    serve(story)


def test_a_portrait_that_is_ready_can_be_asked_for_and_one_deleted_is_left():
    """In sessions that run, and only by who brought it."""

    async def story(world):
        await world.begin()
        world.http.cookie_jar.clear()
        await world.begin()
        mine, other = world.sessions.all
        name = own_portrait(world, mine.visitor)
        assert name in mine.desk.controls.portraits
        assert name not in other.desk.controls.portraits
        world.sessions.begin.edit(mine.desk, b'{"portrait": "own-1"}')
        world.catalogue.remove(name)
        world.sessions.withdraw_portrait(name)
        assert mine.desk.controls.portrait == "ada"
        assert name not in mine.desk.controls.portraits

    serve(story)


def test_what_a_visitor_brought_goes_a_minute_after_their_last_session():
    """And their settings an hour later."""

    async def main():
        world = World()
        world.clock = clock = FakeClock()
        async with world.serving():
            opened = await world.begin()
            visitor = world.sessions.all[0].visitor
            name = own_portrait(world, visitor)
            visitors = world.sessions._visitors
            await world.ask("DELETE", f"/api/sessions/{opened['id']}", key=opened["key"])
            await until(lambda: not world.sessions.all)
            clock.advance(59_000)
            visitors.tidy()
            assert world.catalogue.state(name) == "ready"
            clock.advance(2_000)
            visitors.tidy()
            assert world.catalogue.state(name) is None
            assert visitors._known
            clock.now_ns += 3600 * SECOND
            visitors.tidy()
            assert not visitors._known

    asyncio.run(main())
