"""A server under strain: crowds, slow clients, failures of its own, places that it cannot have."""

import asyncio
import json
import socket

import pytest

from streamer.errors import ConfigError
from streamer.web import door
from tests.webs import World, serve


def test_two_hundred_connections_at_once_are_answered():
    """And the server is as before."""

    async def story(world):
        host, port = world.url.removeprefix("http://").split(":")

        async def one():
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        answers = await asyncio.gather(*(one() for _ in range(200)))
        codes = [answer.split(b" ", 2)[1] for answer in answers]
        assert set(codes) <= {b"200", b"429"}
        assert codes.count(b"200") >= 100
        assert (await world.ask("GET", "/healthz"))[0] in (200, 429)

    serve(story)


def test_a_connection_that_asks_for_nothing_is_closed(monkeypatch):
    """So that a few hundred of them do not fill the server."""
    monkeypatch.setattr(door, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(door, "_ALL", 3)

    async def story(world):
        host, port = world.url.removeprefix("http://").split(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(5)]
        idle[0][1].write(b"GET / HTTP/1.1\r\nHost: 127")
        for reader, writer in idle:
            assert await _ended(reader)
            writer.close()
        assert (await world.ask("GET", "/healthz"))[0] == 200

    serve(story)


async def _ended(reader):
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


def test_a_body_that_comes_too_slowly_is_not_waited_for(monkeypatch):
    """The session it asks for is not begun."""
    monkeypatch.setattr("streamer.web.receive._BODY_S", 0.1)

    async def story(world):
        host, port = world.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()

    serve(story)


def test_a_failure_of_our_own_tells_nothing_of_the_inside(caplog):
    """The log says it; the client gets a code."""

    async def story(world):
        def broken(_):
            raise ZeroDivisionError("secret detail")

        world.sessions.begin.controls = broken
        code, _, told = await world.ask("GET", "/api/setup")
        assert (code, told["error"]) == (500, "failed")
        assert "secret" not in json.dumps(told)

    serve(story)
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("127.0.0.1", None, r"port \d+ of 127.0.0.1 is used by another program; .*--port 0"),
        ("192.0.2.250", 0, "--host 192.0.2.250: this is no address of this computer"),
        ("no-such-host.invalid", 0, "--host no-such-host.invalid: this is no address"),
    ],
)
def test_a_place_that_cannot_be_had_is_told_in_one_line(host, port, line):
    """With what would do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1] if port is None else port

        async def main():
            async with World(host=host, port=taken).serving():
                pass

        with pytest.raises(ConfigError, match=line):
            asyncio.run(main())


def test_an_idle_server_does_nothing():
    """No polling: what it wakes for can be counted."""

    async def story(world):
        loop = asyncio.get_running_loop()
        before = loop._selector
        count = 0

        class Counting:
            def select(self, timeout=None):
                nonlocal count
                count += 1
                return before.select(timeout)

            def __getattr__(self, name):
                return getattr(before, name)

        loop._selector = Counting()
        try:
            await asyncio.sleep(2)
        finally:
            loop._selector = before
        assert count < 20

    serve(story)
