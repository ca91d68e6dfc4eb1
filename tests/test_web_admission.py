"""Who gets a session: by number, by address, by how old the others' pictures are."""

import asyncio

from streamer.metrics import Spread
from tests.fakes import FakeClock
from tests.webs import OFFER, World, serve, until


def test_the_server_is_full_at_its_limit():
    """One sentence for a person, and when to come again."""

    async def story(world):
        await world.begin()
        world.http.cookie_jar.clear()
        code, headers, body = await world.ask("POST", "/api/sessions", json=OFFER)
        assert (code, body["error"]) == (503, "full")
        assert int(headers["Retry-After"]) > 0
        assert world.sessions.admission.counts["full"] == 1

    serve(story, max_sessions=1)


def test_a_reload_takes_the_place_of_its_own_session_whose_video_stopped():
    """At the limit, too: the page that was there before is gone."""

    async def story(world):
        await world.begin()
        world.peers[0].camera.fps = 0.0
        code, _, _ = await world.ask("POST", "/api/sessions", json=OFFER)
        assert code == 201
        await until(lambda: len(world.sessions.all) == 1)
        assert world.peers[0].told[-1]["reason"] == "replaced"

    serve(story, max_sessions=1)


def test_nobody_is_let_in_while_those_who_are_there_get_old_pictures():
    """Admission by measured load; the first seconds of a session do not count."""

    async def main():
        world = World()
        world.clock = clock = FakeClock()
        async with world.serving():
            await world.begin()
            world.lives[0].ages = Spread(60.0, 90.0, 99.0, 120.0)
            await world.begin()
            clock.advance(4_000)
            code, _, body = await world.ask("POST", "/api/sessions", json=OFFER)
            assert (code, body["error"]) == (503, "full")
            world.lives[0].ages = Spread(20.0, 30.0, 40.0, 50.0)
            assert (await world.ask("POST", "/api/sessions", json=OFFER))[0] == 201

    asyncio.run(main())


def test_too_many_openings_are_refused():
    """One address opens a few sessions in a row and then one a second."""

    async def story(world):
        answers = [await world.ask("POST", "/api/sessions", json=OFFER) for _ in range(25)]
        codes = [code for code, _, _ in answers]
        assert codes[:20] == [201] * 20
        assert 429 in codes[20:]

    serve(story, max_sessions=64)
