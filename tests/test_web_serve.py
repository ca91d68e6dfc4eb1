"""`vivant serve` as a command: its settings, its table, and the errors of a person."""

import argparse
import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from streamer import cli
from streamer.commands import serve as command
from streamer.commands.serve import _serve, _settings
from streamer.errors import ConfigError, MediaError
from streamer.web import compose
from streamer.web.portraits import Catalogue
from streamer.web.tls import open_tls
from streamer.webconfig import WebConfig
from tests.webs import TOKEN, World, serve

ROOT = Path(__file__).parent.parent


def arguments(*words):
    """Parsed as the command line does."""
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["serve", *words])


def test_options_are_settings():
    """What is not given stays as it is."""
    web = _settings(arguments("--host", "0.0.0.0", "--port", "0", "--token", TOKEN, "ada")).web
    assert (web.host, web.port, web.token, web.max_sessions) == ("0.0.0.0", 0, TOKEN, 4)
    assert _settings(arguments("--no-open")).web.open is False
    assert _settings(arguments()).web == WebConfig()


def test_the_secret_of_turn_is_not_on_the_command_line(monkeypatch):
    """Everybody on this computer can read command lines."""
    monkeypatch.setenv("VIVANT_TURN_SECRET", "a-shared-secret")
    web = _settings(arguments("--turn", "turn:turn.example.org")).web
    assert (web.turn, web.turn_secret) == ("turn:turn.example.org", "a-shared-secret")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--port", "70000"), "web.port: must be less than or equal to 65535"),
        (("--token", "secret"), "web.token: must have 16 to 256 letters"),
        (("--tls-cert", "a.pem"), "tls_cert and tls_key are given together"),
        (("--turn", "example.org"), "web.turn: must be as in turn:"),
        (("--max-sessions", "0"), "web.max_sessions: must be greater"),
    ],
)
def test_wrong_options_are_told_in_one_line(words, line):
    """Without repeating a secret."""
    with pytest.raises(ConfigError) as told:
        _settings(arguments(*words))
    assert line in str(told.value)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


def shown(world, **settings):
    """What is printed at the start."""
    console = Console(file=io.StringIO(), width=120)
    command._tell(world.server, world.catalogue, console)
    return console.file.getvalue()


def test_the_start_tells_where_it_is_and_for_whom():
    """On loopback nothing else is needed."""

    async def story(world):
        text = shown(world)
        assert world.url in text
        assert "ada, bruno" in text
        assert "token" not in text
        assert "HTTPS" not in text

    serve(story)


def test_on_the_network_the_link_holds_the_token_and_the_camera_needs_https(tmp_path):
    """Both are explained."""

    async def story(world):
        text = shown(world)
        assert f"/#token={world.server.access.token}" in text
        assert "Without HTTPS browsers refuse the camera" in text

    serve(story, host="0.0.0.0")

    async def main():
        world = World(host="0.0.0.0", self_signed=True)
        world.tls = open_tls(world.web, tmp_path)
        async with world.serving():
            text = shown(world)
            assert world.tls.fingerprint in text
            assert "Without HTTPS" not in text

    asyncio.run(main())


def test_a_missing_portrait_is_told():
    """With what can be named."""
    with pytest.raises(MediaError, match=r"nobody.jpg: no such file.*ada, bruno or mei"):
        Catalogue(["ada", "nobody.jpg"], lambda name: None)


def test_names_of_portraits_tell_nothing_of_files(tmp_path):
    """Two files of one name are two portraits."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "my face.jpg").write_bytes(b"x")
    paths = [str(tmp_path / folder / "my face.jpg") for folder in ("a", "b")]
    catalogue = Catalogue(paths, lambda name: None)
    assert catalogue.ready(None) == ("my-face", "my-face-2")
    assert catalogue.find("my-face", None).title == "My face"


def test_saved_portraits_are_there_on_loopback_only(tmp_path, monkeypatch):
    """Who is elsewhere sees what was named."""
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path))
    (tmp_path / "portraits").mkdir()
    (tmp_path / "portraits" / "own-1.portrait").write_bytes(b"x")
    config = World().config

    def ready(**web):
        return compose.catalogue_of(config, WebConfig(**web), ["mei"], str).ready(None)

    assert ready() == ("mei", "own-1")
    assert ready(host="0.0.0.0") == ("mei",)


def test_ctrl_c_drains_and_ends_well():
    """The task is cancelled, as asyncio does on the signal; nothing is raised."""

    async def main():
        console = Console(file=io.StringIO())
        catalogue = Catalogue(["ada"], lambda name: None)
        web = WebConfig(port=0, drain_s=0.1)
        config = compose.session_config(World().config, web, catalogue)
        running = asyncio.ensure_future(_serve(config, web, catalogue, None, console))
        while "address" not in console.file.getvalue():  # noqa: ASYNC110 - printed, not signalled
            await asyncio.sleep(0.01)
        running.cancel()
        await running

    asyncio.run(main())


@pytest.fixture
def process(tmp_path):
    """Starts `vivant serve`, and ends what the test left."""
    started = []

    def start(*words):
        if not any(name == "serve" for name in _commands()):
            pytest.skip("the command line does not have it yet")
        child = subprocess.Popen(
            [sys.executable, "-m", "streamer", "serve", "--port", "0", "--no-open", *words],
            cwd=ROOT,
            env={**os.environ, "VIVANT_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.communicate()


def _commands():
    parser = cli._parser()
    (subparsers,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return subparsers.choices


def test_the_command_serves_idles_and_ends_on_sigterm(process):
    """From its first line to exit code 0; without a session it takes no processor."""
    child = process("ada")
    assert "http://127.0.0.1:" in child.stdout.readline()
    watched = psutil.Process(child.pid)
    before = watched.cpu_times()
    watched_s = 3
    with contextlib.suppress(psutil.TimeoutExpired):
        watched.wait(watched_s)
    after = watched.cpu_times()
    used_s = after.user + after.system - before.user - before.system
    assert used_s < 0.05 * watched_s
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")


def test_the_command_tells_what_is_wrong_and_ends(process):
    """One line, and the exit code of wrong settings."""
    child = process("--tls-cert", "nowhere.pem", "--tls-key", "nowhere.key")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (2, "")
    assert err.startswith("vivant: --tls-cert nowhere.pem: there is no such file")
    assert err.count("\n") == 1
