"""What a server keeps of its visitors: memory, threads, tasks and files, visit after visit.

    python -m tools.visits                      twenty visits of 5 s, then the idle server
    python -m tools.visits --cycles 1 --stay 1800    one session of 30 minutes
    python -m tools.visits --cycles 0           the idle server alone

A real Chromium opens the page of a real `vivant serve`, starts, watches and closes it. A line tells
how the server is after each visit, a moment later, and every minute within one. Exit code 1 when
memory is not back within 30 MB of what it was before the first visit, a task or file is left of it,
there are more threads than after the first visit, which fills the pools, or the idle server takes
1 % of one core or more.
"""

import argparse
import math
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tools.glassware.browser import await_true, chromium, start
from tools.glassware.clip import write_clip
from tools.glassware.process import free_port, running, vivant_serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_MOST_MB, _MOST_CPU = 30.0, 1.0
_PATIENCE_S = 30.0
_SETTLE_S = 3.0
_IDLE_S = 30.0
_LOOK_S = 60.0
_CLIP_S = 12.0
_PLAYS = "document.querySelector('#portrait')?.currentTime > 1"


@dataclass(frozen=True, slots=True)
class State:
    """What the server holds."""

    memory_mb: float
    threads: int
    tasks: int
    files: int

    def __str__(self) -> str:
        return (
            f"{self.memory_mb:7.1f} MB, {self.threads:3} threads, {self.tasks:3} tasks,"
            f" {self.files:3} files"
        )


class Server:
    """The server, looked at from outside."""

    def __init__(self, pid: int, url: str) -> None:
        self.url = url
        self._process = psutil.Process(pid)

    def state(self) -> State:
        """Now."""
        figures = self._figures()
        return State(
            memory_mb=round(self._process.memory_info().rss / 1e6, 1),
            threads=self._process.num_threads(),
            tasks=round(figures["vivant_tasks"]),
            files=self._process.num_fds(),
        )

    def await_nobody(self, tasks: float) -> None:
        """Until no session is open, and no more tasks are there, half a minute at most."""
        until = time.monotonic() + _PATIENCE_S
        while self._is_busy(tasks) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(_SETTLE_S)

    def _is_busy(self, tasks: float) -> bool:
        figures = self._figures()
        return figures["vivant_sessions"] > 0 or figures["vivant_tasks"] > tasks

    def cpu_percent(self, seconds: float) -> float:
        """Of one core, in the next seconds."""
        before = self._process.cpu_times()
        time.sleep(seconds)
        after = self._process.cpu_times()
        used = after.user + after.system - before.user - before.system
        return max(0.0, 100 * used / seconds)

    def _figures(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self.url}metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        found = re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}


def main() -> int:
    """Visit, and tell."""
    options = _parser().parse_args()
    with _served(options.option) as server, tempfile.TemporaryDirectory() as folder:
        server.await_nobody(math.inf)
        before = first = server.state()
        print(f"{'before':>12}: {before}", flush=True)
        if options.cycles:
            clip = Path(folder) / "driver.y4m"
            write_clip(clip, (640, 480), _CLIP_S, "mouth")
            with chromium(clip) as browser:
                for number in range(1, options.cycles + 1):
                    _visit(browser, server, options.stay)
                    server.await_nobody(before.tasks)
                    first = server.state() if number == 1 else first
                    print(f"{f'visit {number}':>12}: {server.state()}", flush=True)
        cpu = server.cpu_percent(_IDLE_S)
        after = server.state()
    print(f"{'after':>12}: {after}")
    print(f"{'idle':>12}: {cpu:.2f} % of one core, over {_IDLE_S:g} s")
    problems = _problems(replace(before, threads=first.threads), after, cpu)
    print("\n".join(problems) or "nothing is left")
    return int(bool(problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=20, help="visits, one after the other")
    parser.add_argument("--stay", type=float, default=5, help="seconds that each lasts")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        help="of vivant serve, as --option=--max-sessions=1",
    )
    return parser


@contextmanager
def _served(options: list[str]) -> Generator[Server]:
    port = free_port()
    with running(vivant_serve(port, *options), port) as process:
        yield Server(process.pid, f"http://127.0.0.1:{port}/")


def _visit(browser: "Browser", server: Server, seconds: float) -> None:
    """From opening the page to closing it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    start(page)
    await_true(page, _PLAYS)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        page.wait_for_timeout(min(left, _LOOK_S) * 1000)
        if seconds > _LOOK_S:
            print(f"{f'{seconds - left:.0f} s':>12}: {server.state()}", flush=True)
    context.close()


def _problems(before: State, after: State, cpu: float) -> list[str]:
    found = [
        f"{name}: {getattr(after, name)} after, {getattr(before, name)} before"
        for name in ("threads", "tasks", "files")
        if getattr(after, name) > getattr(before, name)
    ]
    more_mb = after.memory_mb - before.memory_mb
    if more_mb > _MOST_MB:
        found.append(f"memory: {more_mb:.0f} MB more than before, {_MOST_MB:g} allowed")
    if cpu >= _MOST_CPU:
        found.append(f"idle: {cpu:.2f} % of one core, less than {_MOST_CPU:g} allowed")
    return found


if __name__ == "__main__":
    sys.exit(main())
