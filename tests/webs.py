"""A server to ask, with fake peers and a pipeline that costs nothing."""

import asyncio
import contextlib
import json

import aiohttp

from streamer.config import Config
from streamer.errors import MediaError
from streamer.metrics import Metrics, Recent, Spread
from streamer.web.peer import PeerError, PeerStats
from streamer.web.portraits import Catalogue, Entry
from streamer.web.server import open_server
from streamer.web.session import Network
from streamer.webconfig import WebConfig
from tests.api import status_of

TOKEN = "a-token-of-sixteen-letters"
OFFER = {"sdp": "v=0", "type": "offer"}
TICK_S = 0.02


class FakeCamera:
    """Video that comes, or no longer."""

    name, label, state = "browser", "browser", ""
    fps = 30.0

    def close(self):
        """Nothing more comes."""


class FakeSink:
    """Pictures for nobody."""

    label = "browser"
    closed = False

    def send(self, image):
        """Gone."""

    def close(self):
        self.closed = True


class FakePeer:
    """A browser's side of a connection: it answers, is told things, and may vanish."""

    def __init__(self, sink, latency_ns):
        self.sink, self.latency_ns = sink, latency_ns
        self.camera = FakeCamera()
        self.lost = asyncio.Event()
        self.told = []
        self.closed = False
        self.hold = None

    async def answer(self, sdp, *, codec=None):
        if self.hold is not None:
            await self.hold.wait()
        if not sdp.startswith("v=0"):
            raise PeerError("the offer is no SDP; send localDescription.sdp")
        return f"v=0 answer {codec}"

    def tell(self, message):
        json.dumps(message)
        self.told.append(message)

    async def stats(self):
        return PeerStats("VP8", 2400.0, 3.0, 30.0, 0)

    async def close(self):
        self.closed = True

    def kinds(self):
        """What sorts of messages it was told."""
        return [message["t"] for message in self.told]


class FakeLive:
    """A pipeline that runs until it is cancelled; its pictures are as old as one says."""

    def __init__(self, desk):
        self.desk = desk
        self.metrics = Metrics()
        self.ages = Spread(20.0, 28.0, 33.0, 41.0)
        self.metrics.recent = lambda seconds=2.0: Recent(30.0, 30.0, 0.0, 0.0, self.ages, {})
        self.fails = None
        self.running = False

    async def run(self):
        self.running = True
        try:
            while self.fails is None:  # noqa: ASYNC110 - a story sets it
                await asyncio.sleep(TICK_S)
            raise self.fails
        finally:
            self.running = False

    def status(self):
        return status_of(self.desk, self.ages)


class World:
    """One server and what it is made of."""

    def __init__(self, folder=None, **web):
        self.web = WebConfig(**{"port": 0, "drain_s": 0.1, **web})
        self.config = Config(portrait="ada", portraits=["ada", "bruno"])
        self.peers, self.lives, self.opened = [], [], []
        self.folder = folder
        self.prepare = lambda peer: None
        self.clock = None
        self.tls = None

    @property
    def catalogue(self):
        return self._catalogue

    def _peer(self, sink, latency_ns):
        peer = FakePeer(sink, latency_ns)
        self.prepare(peer)
        self.peers.append(peer)
        return peer

    @contextlib.contextmanager
    def _opening(self, config, desk, camera, sink):
        live = FakeLive(desk)
        self.lives.append(live)
        self.opened.append(config)
        yield live

    @contextlib.asynccontextmanager
    async def serving(self):
        """The server is up within the block."""
        self._catalogue = Catalogue(["ada", "bruno"], _load)
        network = Network(FakeSink, self._peer)
        more = {} if self.clock is None else {"clock": self.clock}
        async with open_server(
            (self.config, self.web), self._catalogue, network, self._opening, tls=self.tls, **more
        ) as self.server:
            self.sessions = self.server.sessions
            self.url = self.server.urls[0]
            async with aiohttp.ClientSession(
                cookie_jar=aiohttp.CookieJar(unsafe=True)
            ) as self.http:
                yield self

    async def ask(self, method, path, *, token=None, key=None, http=None, **options):
        """Status, headers and body of one answer."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if key is not None:
            headers["X-Session-Key"] = key
        url = path if path.startswith("http") else self.url + path
        http = http or self.http
        async with http.request(method, url, headers=headers, ssl=False, **options) as answer:
            body = await answer.read()
            if answer.content_type == "application/json":
                body = json.loads(body)
            return answer.status, answer.headers, body

    async def begin(self, **offer):
        """A session that runs."""
        code, _, body = await self.ask("POST", "/api/sessions", json={**OFFER, **offer})
        assert code == 201, body
        count = len(self.sessions.all)
        await until(lambda: sum(s.live is not None for s in self.sessions.all) == count)
        return body

    async def status(self, opened):
        """How a session does."""
        return (await self.ask("GET", f"/api/sessions/{opened['id']}", key=opened["key"]))[2]


def serve(story, **web):
    """Run a story, a coroutine function, in a world of its own; what it returns."""

    async def main():
        async with World(**web).serving() as world:
            return await story(world)

    return asyncio.run(main())


async def until(condition):
    """Wait until something is so; the test's own limit of time ends it."""
    while not condition():  # noqa: ASYNC110 - whatever it is
        await asyncio.sleep(TICK_S)


def own_portrait(world, visitor, name="own-1"):
    """A portrait that a visitor brought, ready."""
    world.catalogue.add(Entry(name, "Me", "ada", visitor.name))
    visitor.brought.add(name)
    world.sessions.offer_portrait(name)
    return name


def _load(name):
    raise MediaError(f"{name}: nothing is loaded here")
