"""Who may be judged: people that are in no training, by the tables of sources and the split."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from streamer.errors import MediaError
from tools.evaluation.clips import find_clips
from tools.packing.sources import Row, origin, read_table, table_beside
from tools.packing.split import LIST, held_out

SOURCES = LIST.with_name("sources.csv")


def unseen(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Those that no training can have seen, and the others.

    A pack takes files alone that a table of sources names; of those, the identities in the split
    are held out. A file that no table names is in no pack. MediaError when one cannot be read.
    """
    known, out = _tables(files), held_out()
    free: list[Path] = []
    taken: list[Path] = []
    for path in files:
        stated = known.get(path.name)
        if stated is None or not stated.licence:
            free.append(path)
        else:
            mine = origin(path, "still", known).identity in out
            (free if mine else taken).append(path)
    return free, taken


def _tables(files: Sequence[Path]) -> dict[str, Row]:
    """The project's own table, and those that lie beside the files."""
    known = read_table(SOURCES)
    for folder in {path.parent for path in files}:
        beside = table_beside([folder / "any"])
        if beside is not None:
            known |= read_table(beside)
    return known


def only_unseen(files: Sequence[Path], console: Console) -> tuple[Path, ...]:
    """The files of people that are in no training; a line tells how many others there were."""
    free, taken = unseen(files)
    if taken:
        names = ", ".join(path.name for path in taken[:3]) + (" ..." if len(taken) > 3 else "")
        text = f"left out: {len(taken)} of people who may be in a training ({names})"
        console.print(text, style="yellow", highlight=False, soft_wrap=True)
    return tuple(free)


def listed(names: Iterable[str], suffixes: Sequence[str]) -> list[Path]:
    """The files of these names, those of a folder by name. MediaError when one is not there."""
    found: list[Path] = []
    for path in map(Path, names):
        if path.is_dir():
            found += find_clips(path, suffixes)
        elif path.exists():
            found.append(path)
        else:
            raise MediaError(f"{path}: there is no such file; name files or folders")
    return found
