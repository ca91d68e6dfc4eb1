"""One row of the table: what was looked at, what was seen, and whether it is right."""

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_WIDTH = 150
"""Of what was seen, in the table."""


@dataclass(frozen=True, slots=True)
class Check:
    """A finding of one run."""

    driver: str
    """Version of v4l2loopback."""
    name: str
    ok: bool
    seen: str
    seconds: float


class Table:
    """The checks of one run, in order."""

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.checks: list[Check] = []

    def add(self, name: str, look: Callable[[], str]) -> None:
        """Run one check: what it returns was seen; what it raises is a failure."""
        begun = time.monotonic()
        try:
            seen, ok = look(), True
        except Exception as error:  # noqa: BLE001  (a failed check must not hide the others)
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            seen, ok = f"{type(error).__name__}: {error} (line {line})", False
        seconds = round(time.monotonic() - begun, 1)
        check = Check(self.driver, name, ok, seen, seconds)
        self.checks.append(check)
        print(as_line(check), file=sys.stderr, flush=True)  # progress; the table comes at the end

    def save(self, file: Path) -> None:
        """As JSON, for `load`."""
        file.write_text(json.dumps([asdict(check) for check in self.checks], indent=1) + "\n")


def load(file: Path) -> list[Check]:
    """The checks that `save` wrote."""
    return [Check(**values) for values in json.loads(file.read_text())]


def as_line(check: Check) -> str:
    """One row; the JSON has what does not fit."""
    seen = check.seen if len(check.seen) <= _WIDTH else check.seen[: _WIDTH - 3] + "..."
    verdict = "ok  " if check.ok else "FAIL"
    return f"{verdict}  {check.driver:<5} {check.name:<34} {check.seconds:5.1f} s  {seen}"


def must(condition: object, seen: str) -> None:
    """Fail the check with what was seen, unless the condition holds."""
    if not condition:
        raise AssertionError(seen)


def patiently(look: Callable[[], str], times: int = 4) -> str:
    """A measurement of speed, repeated where others keep the machine busy; the last one counts."""
    for _ in range(times - 1):
        try:
            return look()
        except AssertionError:
            time.sleep(5)
    return look()
