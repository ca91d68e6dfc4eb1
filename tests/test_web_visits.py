"""Visits to the real server, with all of the pipeline: nothing of them stays behind."""

import asyncio
import gc
import math
import re
import threading
import time
from contextlib import asynccontextmanager

import aiohttp
import av
import psutil
import pytest

from streamer.app import open_portrait
from streamer.bundled import PORTRAITS, clip_path
from streamer.config import Config
from streamer.engine.choose import choose_engine
from streamer.generator.workshop import Workshop
from streamer.video import Clip
from streamer.web.compose import catalogue_of, network_of, opening_of, session_config
from streamer.web.server import open_server
from streamer.webconfig import WebConfig
from tests.calls import Film, Page, until
from tests.refiners import weights_folder
from tests.serving import Server

VISITS = 4
ENGINES = 2
"""of a refiner of size XS: for the whole face, and for mouth and eyes"""
MOST_MB = 30

pytestmark = pytest.mark.skipif(
    not PORTRAITS or not clip_path("demo").exists(), reason="no bundled media"
)


@asynccontextmanager
async def serving(workshop=None, **generator):
    """The server as `vivant serve` has it; it may be as slow as the machine is."""
    web, workshop = WebConfig(port=0), workshop or Workshop()
    whole = Config.model_validate({"latency": {"budget_ms": 10_000}, "generator": generator})
    catalogue = catalogue_of(whole, web, ["ada"], open_portrait)
    config = session_config(whole, web, catalogue)
    parts = (config, web), catalogue, network_of(config, web), opening_of(catalogue, workshop)
    async with (
        open_server(*parts, engines=workshop.figures) as server,
        aiohttp.ClientSession() as http,
    ):
        yield server, http


def face():
    """The driver, who sits still."""
    with Clip(clip_path("demo")) as clip:
        image = next(iter(clip.frames()))[1]
    return av.VideoFrame.from_ndarray(image, format="rgb24")


async def call(url, http):
    """A page whose session has begun, and how that is ended."""
    page, picture = Page(), face()
    page.pc.addTrack(Film(lambda _: picture))
    body = {"type": "offer", "sdp": await page.offer()}
    async with http.post(f"{url}/api/sessions", json=body) as answer:
        opened = await answer.json()
        assert answer.status == 201, opened
    await page.accept(opened["sdp"])

    async def hang_up():
        headers = {"X-Session-Key": opened["key"]}
        await http.delete(f"{url}/api/sessions/{opened['id']}", headers=headers)

    return page, hang_up


async def visit(url, http, *, hangs_up):
    """From the offer until the session is over."""
    page, hang_up = await call(url, http)
    await until(lambda: len(page.frames) > 5, "pictures")
    if not hangs_up:
        await hang_up()
    await page.close()


def test_visits_leave_no_task_and_no_thread():
    """However they end; and the server leaves none in the process."""
    threads = set(threading.enumerate())

    async def main():
        async with serving() as (server, http):
            states = []
            for number in range(2):
                await visit(server.urls[0], http, hangs_up=number % 2)
                await until(lambda: not server.sessions.all, "forgotten")
                states.append((len(asyncio.all_tasks()), _stages()))
            assert states[0] == states[1]
            assert not states[0][1]

    asyncio.run(main())
    gc.collect()
    assert {t for t in threading.enumerate() if "asyncio" not in t.name} <= threads


async def _leave(joined):
    page, hang_up = joined
    await hang_up()
    await page.close()


def test_two_visitors_draw_with_the_same_engines():
    """They are opened once, however many come, and closed with the last who leaves."""
    asked = []

    def choose(config, weights, shapes, watch):
        asked.append(shapes)
        return choose_engine(config, weights, shapes, watch)

    async def main():
        workshop = Workshop(choose)
        weights = weights_folder("xs")
        async with serving(workshop, weights=weights, refiner="xs") as (server, http):
            url = server.urls[0]
            calls = []
            for count in (1, 2):
                calls.append(await call(url, http))
                await until(lambda n=count: _refined(server) == n, "refined")
            await until(lambda: workshop.figures().engines == ENGINES, "open")
            assert len(set(asked)) == len(asked) == ENGINES
            enough = workshop.figures().pictures + 10
            await until(lambda: workshop.figures().pictures > enough, "pictures")
            told = await _told(url, http)
            assert f"vivant_engines {ENGINES}.0" in told
            assert 'vivant_engine_runs_total{batch="1"}' in told
            await _leave(calls.pop())
            await until(lambda: len(server.sessions.all) == 1, "one left")
            assert workshop.figures().engines == ENGINES
            await _leave(calls.pop())
            await until(lambda: not server.sessions.all, "forgotten")
            assert workshop.figures().engines == 0
            assert "engines" not in _stages()

    asyncio.run(main())


def _refined(server):
    """How many sessions show the refiner's pictures."""
    lives = [session.live for session in server.sessions.all]
    return sum(live is not None and live.status().level == "refiner XS" for live in lives)


def _stages():
    """Threads that belong to no pool of the server."""
    return [
        t.name
        for t in threading.enumerate()
        if t is not threading.main_thread() and not t.name.startswith(("web", "asyncio"))
    ]


def test_visits_leave_no_memory_and_no_files(tmp_path):
    """Of a server in a process of its own; `python -m tools.visits` is the long form."""

    async def main(server):
        before = await held(server)
        async with aiohttp.ClientSession() as http:
            for number in range(VISITS):
                await visit(server.url, http, hangs_up=number % 2)
        return before, await held(server, tasks=before[2])

    with Server(tmp_path, "ada", "--set", "latency.budget_ms=10000") as server:
        (memory, *before), (memory_now, *now) = asyncio.run(main(server))
    assert now == before
    assert memory_now < memory + MOST_MB


async def held(server, tasks=math.inf):
    """Megabytes, files and tasks of the server, once there are no more than `tasks`, or 30 s on."""
    process, ends = psutil.Process(server.pid), time.monotonic() + 30
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:
        while (found := await _tasks(server, http)) > tasks and time.monotonic() < ends:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    return process.memory_info().rss / 1e6, process.num_fds(), found


async def _tasks(server, http):
    text = await _told(server.url, http)
    return float(re.search(r"^vivant_tasks (.+)$", text, re.MULTILINE)[1])


async def _told(url, http):
    async with http.get(f"{url}/metrics") as answer:
        return await answer.text()
