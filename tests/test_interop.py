"""Programs that share no line with ours send a face and play a portrait: GStreamer with libnice.

On Debian: gstreamer1.0-plugins-{good,bad,ugly}, gstreamer1.0-libav, gstreamer1.0-nice, python3-gi,
gir1.2-gst-plugins-bad-1.0 and simple-whip-client.
"""

import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamer.bundled import PORTRAITS, clip_path
from tests.browser.films import driver_film
from tests.serving import Server

PEER = Path(__file__).parent / "gstreamer_peer.py"
PYTHON = "/usr/bin/python3"
PATIENCE_S = 100
TOKEN = "a-token-of-32-characters-or-more"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PORTRAITS or not clip_path("demo").exists(), reason="no bundled media"),
]


@pytest.fixture(scope="module")
def gstreamer():
    """Skip where GStreamer is not here, or not all of it."""
    if not Path(PYTHON).exists():
        pytest.skip("no Python of the system")
    probe = [PYTHON, str(PEER), "check"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        pytest.skip(f"no GStreamer: {done.stderr.strip()[-80:]}")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return driver_film(tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    options = ["--token", TOKEN, "--set", "latency.budget_ms=10000"]
    with Server(tmp_path_factory.mktemp("home"), *options) as serving:
        yield serving


@contextmanager
def sending(server, film, codec):
    """A sender of GStreamer, and at the end what it told."""
    url = f"{server.url}/whip?portrait=mei"
    child = subprocess.Popen(
        [PYTHON, str(PEER), "send", url, str(film), codec, TOKEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = {}
    try:
        assert child.stderr is not None
        first = child.stderr.readline()  # the session's place, once it was answered
        assert first.startswith("/whip/"), first + str(child.communicate("", PATIENCE_S))
        yield told
        told |= json.loads(child.communicate("", PATIENCE_S)[0])
    finally:
        child.kill()
        child.communicate()


def playing(server, frames, codec):
    """What a player of GStreamer told when so many pictures had come."""
    command = [PYTHON, str(PEER), "play", f"{server.url}/whep", str(frames), codec, TOKEN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_gstreamer_sends_a_face_and_plays_the_portrait(gstreamer, server, film, codec):
    """From its own encoder through the pipeline to its own decoder, and the portrait moves."""
    with sending(server, film, codec) as sender:
        played = playing(server, 60, codec)
    assert played.get("error") is None
    assert (played["status"], played["deleted"]) == (201, 200)
    assert played["frames"] >= 60
    assert played["size"] == [512, 512]
    assert played["change"] > 0.5
    assert (sender["status"], sender["deleted"]) == (201, 200)
    assert "a=setup:passive" in played["answer"]


def test_two_play_what_one_sends(gstreamer, server, film):
    """Each player has pictures of its own."""
    with sending(server, film, "VP8"):
        command = [PYTHON, str(PEER), "play", f"{server.url}/whep", "45", "VP8", TOKEN]
        players = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for _ in range(2)
        ]
        told = [json.loads(player.communicate(timeout=PATIENCE_S)[0]) for player in players]
    assert min(one["frames"] for one in told) >= 45


def test_a_whip_client_that_others_wrote(gstreamer, server):
    """simple-whip-client, whose candidates come one by one.

    In Debian 12 it dies when libnice brings a second libsoup: then this is left out.
    """
    program = shutil.which("whip-client")
    if program is None:
        pytest.skip("simple-whip-client is not installed")
    pipeline = (
        "videotestsrc is-live=true pattern=ball ! videoconvert ! queue ! vp8enc deadline=1"
        " ! rtpvp8pay pt=96 ! queue ! application/x-rtp,media=video,encoding-name=VP8,payload=96"
    )
    command = [program, "-u", f"{server.url}/whip", "-t", TOKEN, "-o", "-V", pipeline]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    try:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if "libsoup" in line:
                pytest.skip(line.strip())
            if "PeerConnection connected" in line:
                break
        else:
            pytest.fail("".join(lines))
        assert playing(server, 30, "VP8")["frames"] >= 30
    finally:
        child.terminate()
        child.communicate()
