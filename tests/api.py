"""A run that other programs steer, and a client of it."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp

from streamer.api.server import open_api
from streamer.config import ControlConfig, GainsConfig
from streamer.control import Controls, Desk
from streamer.metrics import Metrics, Recent, Spread
from streamer.status import Status
from tests.fakes import MS

TOKEN = "right-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ANY_PORT = ControlConfig(port=0)
CONTROLS = Controls(("ada", "bruno", "mei"), "ada", GainsConfig())
AGES = Spread(20.0, 28.0, 33.0, 41.0)


def status_of(desk, age_ms=AGES):
    """One look at a run."""
    return Status(
        chosen={"portrait": "ada", "camera": 'C920 "HD"', "sink": "none"},
        controls=desk.controls,
        budget_ms=66.0,
        recent=Recent(30.0, 29.5, 0.5, 0.02, age_ms, {"track": 5.5}),
        seconds=12.5,
        sent=370,
        held=5,
        dropped={"track: newer": 3},
        presence="tracked",
        portrait="ada",
        preparing="",
        level="full",
        prompt="",
        calibration="",
        camera="",
        recording="",
        latency_ms=20.0,
    )


class Run:
    """A run that is being steered."""

    def __init__(self, status=status_of):
        self.desk = Desk(CONTROLS)
        self.metrics = Metrics()
        for _ in range(3):
            self.metrics.work("track", 5 * MS, 9 * MS)
        self.status = lambda: status(self.desk)
        self.url = ""

    @asynccontextmanager
    async def opened(self, config=ANY_PORT):
        async with open_api(config, self.desk, self.status, self.metrics, TOKEN) as api:
            self.url = api.url if api else ""
            yield self

    async def ask(self, method, path, *, headers=BEARER, **options):
        """Status, headers and body of one answer."""
        url = self.url + path
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, headers=headers, **options) as answer,
        ):
            body = await answer.read()
            if answer.content_type == "application/json":
                body = json.loads(body)
            return answer.status, answer.headers, body


def ask(method, path, *, run=None, **options):
    """One request to a run of its own."""

    async def main():
        async with (run or Run()).opened() as opened:
            return await opened.ask(method, path, **options)

    return asyncio.run(main())
