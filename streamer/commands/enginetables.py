"""Engines as tables for a person and as plain values for JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from engines.contract import Size
    from engines.weights import Weights
    from streamer.engine.kept import Entry
    from streamer.engine.stock import Installed
    from streamer.engine.sweep import Row
    from streamer.engine.ways import Way


def way_table(ways: "Sequence[Way]") -> "Table":
    """What could compute here."""
    table = _table("engines", ("engine", "library", "device", "here"))
    for way in ways:
        can = "no" if way.refused else "yes"
        table.add_row(way.name, way.library or "not installed", way.hardware, can)
    return table


def problems(ways: "Sequence[Way]" = (), sizes: "Sequence[Installed]" = ()) -> list[str]:
    """Why some cannot be used; a reason that several share is told once."""
    reasons: dict[str, list[str]] = {}
    for way in ways:
        reasons.setdefault(way.refused, []).append(way.name)
    for one in sizes:
        reasons.setdefault(one.problem, []).append(one.size.upper())
    return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items() if reason]


def weights_table(sizes: "Sequence[Installed]") -> "Table":
    """Which are here."""
    table = _table("weights of the refiner", ("size", "where", "digest", "note"))
    for one in sizes:
        where = "none that can be used" if one.problem else str(one.path)
        table.add_row(one.size.upper(), where, one.digest[:12], one.note)
    return table


def kept_table(entries: "Sequence[Entry]", folders: Sequence[Path]) -> "Table":
    """What is on disk."""
    total = megabytes(sum(entry.size for entry in entries))
    title = f"kept on disk: {len(entries)}, {total}, in {' and '.join(map(str, folders))}"
    table = _table(title, ("library", "engine", "made for"), ("size", "age"), ("state",))
    for entry in entries:
        age = _age(entry.age_s)
        place = (entry.backend, entry.name, entry.made_for)
        table.add_row(*place, megabytes(entry.size), age, entry.state)
    return table


def row_table(rows: "Sequence[Row]", title: str) -> "Table":
    """Engines one below the other; those that refused are in `remarks`."""
    is_timed = any(row.timing is not None for row in rows)
    times = ("median", "p95", "CPU") if is_timed else ()
    right = ("batch", "ready s", *times, "mean", "max")
    table = _table(title, ("engine", "net", "picture"), right)
    shown = [row for row in rows if not row.refused]
    for row, following in zip_longest(shown, shown[1:]):
        last = following is None or following.case.way != row.case.way
        table.add_row(*_cells(row, is_timed=is_timed), end_section=last)
    return table


def _cells(row: "Row", *, is_timed: bool) -> list[str]:
    contract, timing, parity = row.case.contract, row.timing, row.parity
    times, gaps = [""] * 3 * is_timed, ["", ""]
    if timing is not None:
        times = [f"{ms:.2f}" for ms in (timing.median_ms, timing.p95_ms, timing.cpu_ms)]
    if parity is not None:
        gaps = [f"{parity.mean:.3f}", str(parity.worst)]
    net, picture = f"{contract.size.upper()}@{contract.side}", f"{contract.width}x{contract.height}"
    ready = "" if row.ready_s is None else f"{row.ready_s:.1f}"
    return [row.case.way.name, net, picture, str(contract.batch), ready, *times, *gaps]


def remarks(rows: "Sequence[Row]") -> list[str]:
    """Why some are not in the table, and what engines said of themselves; each once."""
    refused = Counter((row.case.way.name, row.refused) for row in rows if row.refused)
    lines = [
        f"{name}: {why}" + (f" ({count} times)" if count > 1 else "")
        for (name, why), count in refused.items()
    ]
    notes = dict.fromkeys((row.case.way.name, note) for row in rows for note in row.notes)
    return [*lines, *(f"{name}: {note}" for name, note in notes)]


def told_weights(weights: "Mapping[Size, Weights]") -> str:
    """Which they are, for a title."""
    from streamer.engine.stock import UNLEARNED

    kinds = dict.fromkeys(
        f"{size.upper()} {one.digest[:12]}" if one.note != UNLEARNED else UNLEARNED
        for size, one in weights.items()
    )
    return ", ".join(kinds)


def listed(
    ways: "Sequence[Way]", sizes: "Sequence[Installed]", entries: "Sequence[Entry]"
) -> dict[str, object]:
    """For JSON."""
    return {
        "engines": [asdict(way) | {"name": way.name} for way in ways],
        "weights": [asdict(one) | {"path": str(one.path)} for one in sizes],
        "kept": [asdict(e) | {"paths": [str(path) for path in e.paths]} for e in entries],
    }


def measured(rows: "Sequence[Row]", weights: "Mapping[Size, Weights]") -> dict[str, object]:
    """For JSON."""
    about = {size: {"digest": one.digest, "note": one.note} for size, one in weights.items()}
    return {"weights": about, "rows": [_flat(row) for row in rows]}


def _flat(row: "Row") -> dict[str, object]:
    kept = asdict(row)
    del kept["case"]
    return {"engine": row.case.way.name, "contract": row.case.contract.facts(), **kept}


def megabytes(count: int) -> str:
    """As `12.3 MB`."""
    return f"{count / 1e6:.1f} MB"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _table(title: str, *columns: Sequence[str]) -> "Table":
    """Columns flush left, then right, then left again; narrow, for all must fit in 80 cells."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False
    )
    for i, names in enumerate(columns):
        for name in names:
            table.add_column(name, justify="right" if i % 2 else "left", overflow="fold")
    return table
