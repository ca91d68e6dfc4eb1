"""How many connections there are, and that each asks for something soon."""

import asyncio
import ssl
from collections import Counter
from typing import Any, cast

from aiohttp import web

from streamer.web.access import is_loopback
from streamer.web.buckets import neighbourhood

_ALL, _OF_ONE = 512, 64
"""Connections at once, and of one address that is not this computer."""
_PATIENCE_S = 15.0
"""A connection may take for its first request."""
_WAITING = 128
"""Connections that the system may keep until we take them."""


class Doors:
    """The connections of one server. Belongs to the loop."""

    def __init__(self) -> None:
        self._open: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}
        self._of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, transport: asyncio.Transport) -> bool:
        """Whether one more may be open; it has to ask for something soon."""
        address = address_of(transport)
        near = self._of[neighbourhood(address)]
        if len(self._open) >= _ALL or (near >= _OF_ONE and not is_loopback(address)):
            return False
        self._of[neighbourhood(address)] += 1
        loop = asyncio.get_running_loop()
        self._open[transport] = loop.call_later(_PATIENCE_S, transport.abort)
        return True

    def asked(self, transport: asyncio.BaseTransport | None) -> None:
        """A whole request came: the connection may stay."""
        if transport is not None and (timer := self._open.get(transport)) is not None:
            timer.cancel()

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """It is closed."""
        if (timer := self._open.pop(transport, None)) is None:
            return
        timer.cancel()
        key = neighbourhood(address_of(transport))
        self._of[key] -= 1
        if not self._of[key]:
            del self._of[key]


def address_of(transport: asyncio.BaseTransport) -> str:
    """Of the other side; empty when it has gone already."""
    peer = transport.get_extra_info("peername")
    return str(cast("tuple[Any, ...]", peer)[0]) if isinstance(peer, tuple) and peer else ""


class Door(asyncio.Protocol):
    """Stands before the library's protocol of one connection."""

    def __init__(self, doors: Doors, inner: asyncio.Protocol) -> None:
        self._doors = doors
        self._inner = inner
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or close it at once."""
        assert isinstance(transport, asyncio.Transport)
        if not self._doors.enter(transport):
            transport.abort()
            return
        self._transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """As the library's."""
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """As the library's."""
        return None if self._transport is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        """As the library's."""
        if self._transport is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """As the library's."""
        if self._transport is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free its place."""
        if self._transport is not None:
            self._doors.leave(self._transport)
            self._inner.connection_lost(exc)


class DoorSite(web.BaseSite):
    """A listening port whose connections come through doors."""

    def __init__(
        self,
        runner: web.AppRunner,
        place: tuple[str, int],
        context: ssl.SSLContext | None,
        doors: Doors,
    ) -> None:
        super().__init__(runner, ssl_context=context, backlog=_WAITING)
        self._place = place
        self._doors = doors

    @property
    def name(self) -> str:
        """For a person."""
        host, port = self._place
        return f"{host}:{port}"

    async def start(self) -> None:
        """Listen. OSError when that cannot be."""
        await super().start()
        inner = self._runner.server
        assert inner is not None

        def enter() -> Door:
            return Door(self._doors, cast("asyncio.Protocol", inner()))

        host, port = self._place
        self._server = await asyncio.get_running_loop().create_server(
            enter, host, port, ssl=self._ssl_context, backlog=self._backlog
        )
