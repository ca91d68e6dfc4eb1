"""Runs one server, opens its page in a real Chromium with the fake camera, and takes samples."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from tools.glassware.server import Subject

CHROMIUM = "/usr/bin/chromium"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--mute-audio",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
_WARM_S = 6.0
_READY_S = 30.0


def measure(subject: Subject, clip: Path, seconds: float) -> dict[str, Any]:
    """What the page saw in `seconds`, and the server's use of the processor."""
    from playwright.sync_api import sync_playwright

    flags = [*_FLAGS, f"--use-file-for-fake-video-capture={clip}"]
    flags += ["--allow-loopback-in-peer-connection"] if subject.loopback else []
    with _served(subject) as (process, port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_function("window.failure || samples.remote.length > 5", timeout=30_000)
        if failure := page.evaluate("window.failure"):
            raise RuntimeError(failure)
        page.wait_for_timeout(_WARM_S * 1000)
        begin, cpu = page.evaluate("performance.now()"), _cpu_s(process.pid)
        page.wait_for_timeout(seconds * 1000)
        end, used = page.evaluate("performance.now()"), _cpu_s(process.pid) - cpu
        samples = page.evaluate("samples")
        browser.close()
    return {
        "samples": samples,
        "begin": begin,
        "end": end,
        "server_cpu": round(100 * used / (end - begin) * 1000),
    }


@contextmanager
def _served(subject: Subject) -> Generator[tuple["subprocess.Popen[bytes]", int]]:
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "tools.glass",
        "--serve",
        json.dumps(asdict(subject)),
        str(port),
    ]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        _await_port(port, process)
        yield process, port
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
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


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def isolate(arguments: list[str]) -> None:
    """Begin again in a network of its own, as root: `veth` has one interface, `lo` none at all."""
    kind, rest = arguments[0], arguments[1:]
    setup = "ip link set lo up; "
    if kind == "veth":
        setup += (
            "ip link add glass0 type veth peer name glass1 && ip addr add 10.99.0.1/24 dev glass0"
            " && ip link set glass0 up && ip link set glass1 up; "
        )
    command = ["unshare", "-n", "sh", "-c", setup + 'exec "$@"', "sh"]
    os.execvp(command[0], [*command, sys.executable, "-m", "tools.glass", *rest])
