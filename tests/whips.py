"""Clients of WHIP and WHEP, and sessions that cost nothing."""

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streamer.web.peer import PeerError
from streamer.web.refusal import Refusal
from streamer.web.visitors import Visitors
from streamer.web.whip import SDP, add_whip
from tests.offers import offer

AS_SDP = {"Content-Type": SDP}


class FakePlayer:
    """Somebody who watches."""

    def __init__(self):
        self.lost = asyncio.Event()
        self.closed = False
        self.added = []

    def is_other(self, fragment):
        return fragment.user not in ("", "pR4K")

    async def add_candidates(self, fragment):
        if len(fragment.candidates) > 1:
            raise PeerError("at most one here")
        self.added.append(fragment)

    async def close(self):
        self.closed = True


class FakeSession:
    """One that tells how it ended."""

    def __init__(self, name):
        self.id, self.key, self.reason = name, f"key of {name}", ""
        self.viewers = set()
        self.peer = FakePlayer()

    def end(self, reason):
        self.reason = reason


class FakeSessions:
    """Lets everybody in, or says why not."""

    def __init__(self, refusal=None):
        self.all, self.asked, self.players = [], [], []
        self._refusal = refusal

    async def open_session(self, sdp, codec, wishes, visitor, address):
        if self._refusal:
            raise self._refusal
        self.asked.append((sdp, codec, wishes, visitor.name, address))
        self.all.append(FakeSession(f"s{len(self.all)}"))
        return self.all[-1], "the answer"

    async def watch(self, session, sdp):
        player = FakePlayer()
        session.viewers.add(player)
        self.players.append((session.id, player))
        return player, "the answer"


@web.middleware
async def telling(request, handler):
    """What the server does with refusals."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return web.json_response({"error": refusal.code}, status=refusal.status)


@asynccontextmanager
async def client_of(sessions, servers=()):
    app = web.Application(middlewares=[telling])
    add_whip(app, sessions, Visitors(lambda _: None), lambda: servers)
    async with TestClient(TestServer(app)) as client:
        yield client


def ask(method, path, *, sessions=None, servers=(), **options):
    """Status, headers and text of one answer."""

    async def main():
        async with client_of(sessions or FakeSessions(), servers) as client:
            answer = await client.request(method, path, **options)
            return answer.status, answer.headers, await answer.text()

    return asyncio.run(main())


def post(path, body=None, *, headers=AS_SDP, **options):
    """An offer, as it should be."""
    direction = "sendonly" if path.startswith("/whip") else "recvonly"
    data = offer(direction) if body is None else body
    return ask("POST", path, data=data, headers=headers, **options)
