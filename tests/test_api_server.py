"""When and where the HTTP interface listens, and how it ends."""

import asyncio
import socket

from streamer.clock import monotonic_ns
from streamer.config import ControlConfig
from tests.api import TOKEN, Run
from tests.fakes import MS


def test_a_taken_port_does_not_end_the_run(caplog):
    """The warning says which setting helps."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        async def main():
            run = Run()
            async with run.opened(ControlConfig(port=port)):
                return run.url

        assert asyncio.run(main()) == ""
    (text,) = caplog.messages
    assert text.startswith(f"control.port {port} cannot be used (")
    assert text.endswith("--set control.port=0 takes any free port")


def test_it_can_be_switched_off(caplog):
    """Nothing listens, and nothing is said."""

    async def main():
        run = Run()
        async with run.opened(ControlConfig(enabled=False)):
            return run.url

    assert asyncio.run(main()) == ""
    assert not caplog.messages


def test_it_listens_on_this_computer_only():
    """Another address, even of this computer, is refused."""

    async def main():
        async with Run().opened() as run:
            port = int(run.url.rpartition(":")[2])
            with socket.socket() as other:
                return run.url, other.connect_ex(("127.0.0.2", port))

    url, error = asyncio.run(main())
    assert url.startswith("http://127.0.0.1:")
    assert error != 0


async def connection(run, text):
    """A connection on which something was said; its reader and writer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(run.url.rpartition(":")[2]))
    writer.write(text.encode())
    await writer.drain()
    return reader, writer


async def closed(writer):
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def test_it_closes_at_once_whatever_hangs_on_it():
    """An idle connection and half a request do not hold up the end of a run."""
    half = f"PATCH /v1/controls HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"

    async def main():
        run = Run()
        async with run.opened():
            kept = await connection(run, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await kept[0].readuntil(b"\r\n\r\n")
            hanging = [
                await connection(run, half + "Content-Length: 99\r\n\r\n{"),
                await connection(run, half),
            ]
            await run.ask("GET", "/v1/status")  # by now the others have been seen
            started_ns = monotonic_ns()
        spent_ns = monotonic_ns() - started_ns
        for _, writer in (kept, *hanging):
            await closed(writer)
        return spent_ns

    assert asyncio.run(main()) < 10_000 * MS  # 0.3 s where nothing else runs; unbounded: 60 s


def test_nonsense_is_answered_and_not_logged(caplog):
    """Bytes that are no HTTP, such as TLS, leave the screen alone."""

    async def main():
        async with Run().opened() as run:
            reader, writer = await connection(run, "\x16\x03\x01 nonsense\r\n\r\n")
            answer = await reader.read()
            await closed(writer)
            return answer

    answer = asyncio.run(main())
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"Traceback" not in answer
    assert not caplog.messages
