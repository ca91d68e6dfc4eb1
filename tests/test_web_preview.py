"""The preview of a run without a virtual camera: watched by a true peer."""

import asyncio
import json
import threading

import aiohttp
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from streamer.pipeline import Stages
from streamer.web.desktop import has_desktop
from streamer.web.preview import open_preview
from streamer.webconfig import WebConfig
from tests.fakes import FakeCamera, FakeGenerator, FakeRetargeter, FakeTracker

SIDE = 128


class Sink:
    """Keeps what it is sent."""

    label = "nowhere"

    def __init__(self):
        self.count = 0

    def send(self, image):
        self.count += 1


def stages(sink):
    return Stages(FakeCamera(), FakeTracker(), FakeRetargeter(), FakeGenerator(), sink)


async def ask(method, url, **options):
    async with aiohttp.ClientSession() as http, http.request(method, url, **options) as answer:
        body = await answer.read()
        kind = answer.content_type == "application/json"
        return answer.status, json.loads(body) if kind else body


def parts_of(url):
    """The server, and the key of the page."""
    server, _, query = url.partition("/clean?")
    return server, query.partition("key=")[2]


async def watched(url):
    """The first picture that a browser would show."""
    server, key = parts_of(url)
    pc = RTCPeerConnection(RTCConfiguration([]))
    pc.addTransceiver("video", direction="recvonly")
    came = asyncio.get_running_loop().create_future()
    pc.on("track", came.set_result)
    await pc.setLocalDescription(await pc.createOffer())
    body = {"sdp": pc.localDescription.sdp, "type": "offer"}
    code, answer = await ask(
        "POST", f"{server}/api/sessions/preview/view", json=body, headers={"X-Session-Key": key}
    )
    assert code == 201, answer
    await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    try:
        return (await (await came).recv()).to_ndarray(format="rgb24")
    finally:
        await pc.close()


def test_a_viewer_sees_the_runs_pictures_and_the_sink_gets_them_too():
    """By the address that is told."""
    first = Sink()
    before = threading.active_count()
    with open_preview(WebConfig(), 30) as preview:
        both = preview.change(stages(first)).sink
        assert both.label == "nowhere"
        stop = threading.Event()
        image = np.full((SIDE, SIDE, 3), (200, 60, 30), np.uint8)

        def run():
            while not stop.wait(0.03):
                both.send(image)

        runner = threading.Thread(target=run)
        runner.start()
        try:
            seen = asyncio.run(watched(preview.url))
        finally:
            stop.set()
            runner.join()
    assert seen.shape == image.shape
    assert np.abs(seen.mean((0, 1)) - image[0, 0]).max() < 20
    assert first.count > 0
    assert threading.active_count() == before


def test_only_who_has_the_key_may_watch():
    """And nobody else's page, nor by another name."""
    offer = {"sdp": "v=0", "type": "offer"}

    async def story(url):
        server, key = parts_of(url)
        view = f"{server}/api/sessions/preview/view"
        for path in (view, f"{server}/whep"):
            assert (await ask("POST", path, json=offer))[0] == 404
            assert (await ask("POST", f"{path}?key=wrong", json=offer))[0] == 404
        headers = {"Host": "evil.example"}
        assert (await ask("GET", f"{server}/clean", headers=headers))[0] == 403
        headers = {"X-Session-Key": key, "Origin": "http://evil.example"}
        assert (await ask("POST", view, json=offer, headers=headers))[0] == 403
        assert (await ask("POST", view, data=b"{", headers={"X-Session-Key": key}))[0] == 400
        assert (await ask("GET", f"{server}/static/../preview.py"))[0] == 404

    with open_preview(WebConfig(), 30) as preview:
        assert preview.url.startswith("http://127.0.0.1:")
        asyncio.run(story(preview.url))


def test_a_run_that_fails_takes_the_preview_along():
    """Nothing of it is left."""
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), open_preview(WebConfig(), 30):
        raise ZeroDivisionError
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("platform", "variables", "there"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_where_a_browser_can_be_opened(monkeypatch, platform, variables, there):
    """A machine without a desktop has nobody before it."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert has_desktop() is there
