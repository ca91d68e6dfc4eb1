"""Opens a server's page in a real Chromium with the fake camera, and takes samples of it."""

import json
import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tools.glassware.process import served
from tools.glassware.server import CELLS, Subject

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
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
_SAMPLER = Path(__file__).with_name("sampler.js")
_WARM_S = 6.0
_PATIENCE_S = 60.0
_TAKE_S = 10.0
"""Between two times that samples are taken out of the browser."""
Samples = dict[str, list[Any]]


def measure(subject: Subject, clip: Path, seconds: float) -> dict[str, Any]:
    """What the page saw in `seconds`, and the server's use of the processor."""
    with served(subject) as (process, url), chromium(clip, loopback=subject.loopback) as browser:
        page = browser.new_page()
        page.add_init_script(_sampler())
        page.goto(url)
        if subject.kind == "serve":
            start(page)
        await_true(page, "window.failure || document.querySelector('#portrait')?.currentTime > 0.2")
        if failure := page.evaluate("window.failure"):
            raise RuntimeError(failure)
        samples: Samples = {"local": [], "remote": [], "stats": [], "said": []}
        _watch(page, samples, _WARM_S)
        begin, cpu = page.evaluate("performance.now()"), _cpu_s(process.pid)
        _watch(page, samples, seconds)
        end, used = page.evaluate("performance.now()"), _cpu_s(process.pid) - cpu
    return {
        "samples": samples,
        "begin": begin,
        "end": end,
        "server_cpu": round(100 * used / (end - begin) * 1000),
    }


@contextmanager
def chromium(clip: Path, *, loopback: bool = False) -> Generator["Browser"]:
    """A browser whose camera plays the clip."""
    from playwright.sync_api import sync_playwright

    flags = [*FLAGS, f"--use-file-for-fake-video-capture={clip}"]
    flags += ["--allow-loopback-in-peer-connection"] if loopback else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def start(page: "Page") -> None:
    """Press the button of the real page, as soon as it can be pressed."""
    await_true(page, "document.querySelector('#start')?.getAttribute('aria-disabled') === 'false'")
    page.click("#start")


def await_true(page: "Page", expression: str) -> None:
    """Wait for it. Asked from here: the page's own policy forbids evaluating text within it."""
    until = time.monotonic() + _PATIENCE_S
    while not page.evaluate(expression):
        if time.monotonic() > until:
            raise RuntimeError(f"never true in {page.url}: {expression}")
        page.wait_for_timeout(100)


def _sampler() -> str:
    options = {
        "local": "video#camera",
        "remote": "video#portrait",
        "said": "#latency",
        "cells": CELLS,
    }
    return _SAMPLER.read_text().replace("OPTIONS;", f"{json.dumps(options)};")


def _watch(page: "Page", samples: Samples, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        page.wait_for_timeout(min(left, _TAKE_S) * 1000)
        for name, rows in page.evaluate("takeSamples()").items():
            samples[name] += rows


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
