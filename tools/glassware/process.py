"""The server that is measured, as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tools.glassware.server import Subject

_ROOT = Path(__file__).parents[2]
_READY_S = 60.0
_END_S = 20.0


@contextmanager
def served(subject: Subject) -> Generator[tuple["subprocess.Popen[bytes]", str]]:
    """The process, which listens, and its page's address."""
    port = free_port()
    command = _serve(subject, port) if subject.kind == "serve" else _own(subject, port)
    with running(command, port) as process:
        yield process, f"http://127.0.0.1:{port}/"


@contextmanager
def running(command: list[str], port: int) -> Generator["subprocess.Popen[bytes]"]:
    """A process that listens on the port, without a person's settings; ended with the block."""
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env={**os.environ, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            _await_port(port, process)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def vivant_serve(port: int, *options: str) -> list[str]:
    """The command of the real server."""
    command = [sys.executable, "-m", "streamer", "serve", "--port", str(port), "--no-open"]
    return [*command, "--set", "web.drain_s=0", *options]


def _serve(subject: Subject, port: int) -> list[str]:
    side = subject.side
    settings = (
        f"web.codec={subject.codec}",
        f"web.size=[{side}, {side}]",
        f"generator.size={side}",
    )
    return vivant_serve(port, *(word for one in settings for word in ("--set", one)))


def _own(subject: Subject, port: int) -> list[str]:
    this = [sys.executable, "-m", "tools.glass", "--serve"]
    return [*this, json.dumps(asdict(subject)), str(port)]


def free_port() -> int:
    """One that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not start")
