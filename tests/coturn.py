"""A real TURN server, coturn, on this machine alone."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = os.environ.get("VIVANT_TURNSERVER") or shutil.which("turnserver")
HOST = "127.0.0.1"
_STARTED_S = 60


@contextmanager
def turn_server(folder: Path, secret: str) -> Iterator[str]:
    """It runs within the block, for whoever knows `secret`; its URL."""
    assert PROGRAM is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    options = {
        "listening-ip": HOST,
        "listening-port": port,
        "relay-ip": HOST,
        "realm": "vivant.test",
        "static-auth-secret": secret,
        "userdb": folder / "users",
        "pidfile": folder / "pid",
        "log-file": "stdout",
    }
    flags = ("use-auth-secret", "no-cli", "no-tls", "no-dtls", "allow-loopback-peers", "verbose")
    command = [PROGRAM, "-n", *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [*command, *(f"--{flag}" for flag in flags)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_answer(child, port, folder / "log")
        yield f"turn:{HOST}:{port}?transport=udp"
    finally:
        child.terminate()
        child.wait()


def _await_answer(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """It answers a STUN request."""
    ends = time.monotonic() + _STARTED_S
    request = bytes.fromhex("000100002112a442") + bytes(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        while True:
            assert child.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < ends, log.read_text(errors="replace")
            asking.sendto(request, (HOST, port))
            try:
                asking.recv(2048)
            except OSError:  # nothing yet, or refused: it is not up
                time.sleep(0.1)
            else:
                return
