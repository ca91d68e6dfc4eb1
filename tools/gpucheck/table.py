"""Rows of the table and of the JSON: one for each thing that was measured or could not be."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

_PARTS = {
    "parity": "Distance from FP32 on the processor, of 255 (allowed: mean 2, worst 8)",
    "engine": "One picture, copies to and from the GPU included",
    "streams": "Streams of 30 fps on one GPU",
    "paper": "The generator of the seed paper, and ours, in the same run",
    "goal": "Goals",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    part: str
    what: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict[str, "float | int | str"])
    ok: bool | None = None
    """None = there is nothing to pass"""
    note: str = ""

    @property
    def line(self) -> str:
        """As the table shows it."""
        verdict = {None: "    ", True: "ok  ", False: "FAIL"}[self.ok]
        figures = "  ".join(f"{name} {_text(value)}" for name, value in self.figures.items())
        return f"  {verdict} {self.what:<52} {figures}{'  ' if figures else ''}{self.note}".rstrip()


@dataclass(slots=True)
class Table:
    """What was measured so far."""

    machine: Mapping[str, str | int]
    rows: list[Row] = field(default_factory=list[Row])

    def add(self, row: Row) -> None:
        """Keep it; it is shown at once, for who waits."""
        self.rows.append(row)
        print(row.line, file=sys.stderr, flush=True)

    def guard(
        self, part: str, what: str, work: Callable[[], object], *, fails: bool = True
    ) -> bool:
        """Do a part of the check; what it raises becomes a row, and the others go on.

        False when it raised; with `fails` off such a row is no failure.
        """
        try:
            work()
        except Exception as error:  # noqa: BLE001  (one failure must not hide the rest)
            words = str(error).strip() or type(error).__name__
            self.add(Row(part, what, note=words.splitlines()[0], ok=False if fails else None))
            return False
        return True

    @property
    def failed(self) -> int:
        """How many rows did not pass."""
        return sum(row.ok is False for row in self.rows)

    def text(self) -> str:
        """The whole table."""
        lines = [", ".join(f"{name} {value}" for name, value in self.machine.items())]
        for part, title in _PARTS.items():
            rows = [row for row in self.rows if row.part == part]
            lines += ["", title, *(row.line for row in rows)] if rows else []
        return "\n".join(lines)

    def save(self, path: Path) -> None:
        """As JSON."""
        data = {"machine": self.machine, "failed": self.failed, "rows": _plain(self.rows)}
        path.write_text(json.dumps(data, indent=1) + "\n")


def _plain(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def _text(value: float | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
