"""The server's own way through a TURN server, a real one."""

import asyncio
import logging
import re

import aioice
import pytest

from streamer.web import rtc
from streamer.web.ice import ice_servers
from streamer.web.peer import MediaSettings
from streamer.webconfig import WebConfig
from tests import coturn
from tests.calls import Film, call, run_leaving_nothing, until

SECRET = "a-secret-of-both-servers"


@pytest.fixture(scope="module")
def turn(tmp_path_factory):
    """The address of a TURN server that knows the secret."""
    if coturn.PROGRAM is None:
        pytest.skip("no coturn")
    with coturn.turn_server(tmp_path_factory.mktemp("turn"), SECRET) as url:
        yield url


def settings(turn, secret):
    """Of calls by that server, with short-lived credentials as `vivant serve` makes them."""
    servers = ice_servers(WebConfig(turn=turn, turn_secret=secret))
    return MediaSettings(ice_servers=tuple(servers), loopback=True)


def test_a_call_goes_through_the_servers_own_relay(turn, monkeypatch):
    """Where nothing else leads to the server."""

    def without_other_ways(page):
        offer = page.offer

        async def offered():
            sdp = await offer()
            monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: [])
            monkeypatch.setattr(rtc, "offer_loopback", lambda *_, **__: True)
            return sdp

        page.offer = offered

    async def main():
        relayed = settings(turn, SECRET)
        async with call(Film(), settings=relayed, before=without_other_ways) as (page, peer):
            await until(lambda: peer.camera.fps, "a frame came")
            ways = re.findall(r"a=candidate:.* typ (\w+)", page.pc.remoteDescription.sdp)
            assert set(ways) == {"relay"}

    run_leaving_nothing(main)


def test_a_wrong_secret_costs_the_relay_and_is_logged(turn, caplog):
    """The call works where there is another way, and the log tells what to set."""

    async def main():
        async with call(Film(), settings=settings(turn, "a-secret-of-nobody")) as (page, peer):
            assert " typ relay" not in page.pc.remoteDescription.sdp
            await until(lambda: peer.camera.fps, "a frame came")

    with caplog.at_level(logging.WARNING, "streamer"):
        asyncio.run(main())
    assert f"the TURN server {coturn.HOST}:" in caplog.text
    assert "VIVANT_TURN_SECRET" in caplog.text
