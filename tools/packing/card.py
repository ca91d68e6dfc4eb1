"""The data card of a pack: sources, licences, counts, and what is left out and why."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tools.packing.item import Origin
from tools.packing.split import held_out
from tools.packing.store import Entry

_HEAD = """# Data card

Made by tools/pack.py. Identities in tools/packing/split.txt are held out for validation; they never
enter a loss. Nothing is in the pack whose licence its table of sources does not state.
"""


def card(entries: Sequence[Entry]) -> str:
    """The card as Markdown."""
    kept = [entry for entry in entries if not entry.reason]
    return "\n".join(
        [_HEAD, *_split_table(kept), "", *_licences(kept), "", *_left_out(entries), ""]
    )


def write_card(folder: Path, entries: Sequence[Entry]) -> str:
    """The same, kept in the pack."""
    text = card(entries)
    (folder / "card.md").write_text(text, encoding="utf-8")
    return text


def _split_table(kept: Sequence[Entry]) -> list[str]:
    out = held_out()
    lines = ["| part | kind | files | people | frames | portraits |", "|---|---|---|---|---|---|"]
    for part in ("training", "validation"):
        for kind in ("clip", "still", "render"):
            rows = [
                (entry, origin)
                for entry, origin in _with_origin(kept)
                if origin.kind == kind and (origin.identity in out) == (part == "validation")
            ]
            people = len({origin.identity for _, origin in rows})
            frames, portraits = (
                (sum(n) for n in zip(*((e.frames, e.sources) for e, _ in rows), strict=True))
                if rows
                else (0, 0)
            )
            lines.append(f"| {part} | {kind} | {len(rows)} | {people} | {frames} | {portraits} |")
    return lines


def _licences(kept: Sequence[Entry]) -> list[str]:
    files: Counter[str] = Counter()
    sources: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, origin in _with_origin(kept):
        files[origin.licence] += 1
        sources[origin.licence]["/".join(origin.source.split("/")[:2]) or "not stated"] += 1
    lines = ["| licence or terms | files | sources |", "|---|---|---|"]
    for licence, count in files.most_common():
        named = "; ".join(f"{name} ({n})" for name, n in sources[licence].most_common(6))
        lines.append(f"| {licence} | {count} | {named} |")
    return lines


def _left_out(entries: Sequence[Entry]) -> list[str]:
    dropped = [entry for entry in entries if entry.reason]
    lines = [f"Left out: {len(dropped)} of {len(entries)} files.", ""]
    return lines + [f"- {Path(entry.file).name}: {_plain(entry)}" for entry in dropped]


def _plain(entry: Entry) -> str:
    name = Path(entry.file).name
    return entry.reason.removeprefix(f"{entry.file}: ").removeprefix(f"{name}: ")


def _with_origin(entries: Sequence[Entry]) -> list[tuple[Entry, Origin]]:
    return [(entry, entry.origin) for entry in entries if entry.origin is not None]
