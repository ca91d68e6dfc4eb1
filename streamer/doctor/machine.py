"""The computer as the checks see it. Facts come through here, so that tests can invent others."""

import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said."""

    code: int
    """exit code; negative: the signal that ended it"""
    out: str
    err: str = ""


Runner = Callable[[Sequence[str], float], Answer]
"""Runs a program to its end. OSError when it is not there, TimeoutError after so many seconds."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the output goes."""

    is_terminal: bool
    encoding: str
    columns: int


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that differ between computers; the methods only read."""

    root: Path
    """where /proc, /sys and /dev are looked for"""
    platform: str
    """as sys.platform"""
    python: tuple[int, int, int]
    environment: Mapping[str, str]
    cores: int
    """cores that the system lets this process use, whatever quota it sets on them"""
    screen: Screen
    run: Runner
    distribution: Callable[[str], str | None]
    """the version of an installed Python package; None when it is not"""
    free_bytes: Callable[[Path], int]
    may_write: Callable[[Path], bool]
    """of a file or folder that exists"""

    @property
    def is_container(self) -> bool:
        """Whether this is inside Docker or Podman."""
        return any(self.path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))

    def path(self, place: str) -> Path:
        """A place of the system, such as /proc/cpuinfo."""
        return self.root / place.lstrip("/")

    def text(self, place: str) -> str:
        """The content of a file of the system; empty when it cannot be read."""
        try:
            return self.path(place).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def which(self, program: str) -> str | None:
        """Where a program is, by the search path."""
        return shutil.which(program, path=self.environment.get("PATH", ""))

    def said(self, command: Sequence[str], timeout_s: float = 5) -> str:
        """The output of a program; empty when it is missing, fails or takes too long."""
        try:
            answer = self.run(command, timeout_s)
        except (OSError, TimeoutError):
            return ""
        return answer.out.strip() if answer.code == 0 else ""


def this_machine() -> Machine:
    """The one this runs on."""
    return Machine(
        root=Path("/"),
        platform=sys.platform,
        python=sys.version_info[:3],
        environment=dict(os.environ),
        cores=_cores(),
        screen=_screen(),
        run=run,
        distribution=_distribution,
        free_bytes=lambda path: shutil.disk_usage(path).free,
        may_write=lambda path: os.access(path, os.W_OK),
    )


def run(command: Sequence[str], timeout_s: float) -> Answer:
    """Run a program without input. It is killed when its time is up."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{Path(command[0]).name} took more than {timeout_s:g} s") from None
    return Answer(done.returncode, done.stdout, done.stderr)


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _screen() -> Screen:
    stdout = sys.stdout
    encoding = getattr(stdout, "encoding", None) or locale.getencoding()
    columns = shutil.get_terminal_size().columns
    return Screen(stdout is not None and stdout.isatty(), encoding, columns)


def _distribution(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
