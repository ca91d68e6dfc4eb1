"""A pack being made: finished items wait in a folder until a piece is full. Can be interrupted."""

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streamer.errors import MediaError
from streamer.output import make_folder, replacing
from tools.packing.item import Item, Origin, pieces, read, written

PIECE_BYTES = 56_000_000
_WAITING, _LOG = "waiting", "log.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one file."""

    file: str
    origin: Origin | None
    frames: int
    sources: int
    reason: str
    """why it is not in the pack; empty when it is"""


class Store:
    """The folder of one pack."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder / _WAITING)
        self.folder = folder
        self._known = {entry.file: entry for entry in entries(folder)}

    def known(self, path: Path) -> Entry | None:
        """What became of this file in an earlier run."""
        return self._known.get(str(path))

    def add(self, path: Path, item: Item) -> Entry:
        """Keep the item; a full piece is sealed."""
        self._write(self.folder / _WAITING / f"{path.parent.name}-{path.stem}.npz", written(item))
        waiting = sum(file.stat().st_size for file in self._waiting())
        if waiting > 0.9 * PIECE_BYTES:
            self.seal()
        return self._log(Entry(str(path), item.origin, len(item.frames), len(item.sources), ""))

    def skip(self, path: Path, origin: Origin | None, reason: str) -> Entry:
        """Remember that the file cannot be used."""
        return self._log(Entry(str(path), origin, 0, 0, reason))

    def seal(self) -> None:
        """Make a piece of the items that wait."""
        waiting = self._waiting()
        if not waiting:
            return
        number = len(list(self.folder.glob("piece-*.zip")))
        target = self.folder / f"piece-{number:03}.zip"
        with replacing(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for file in waiting:
                archive.write(file, file.name)
        for file in waiting:
            file.unlink()

    def _waiting(self) -> list[Path]:
        return sorted((self.folder / _WAITING).glob("*.npz"))

    def _write(self, path: Path, data: bytes) -> None:
        with replacing(path) as part:
            part.write_bytes(data)

    def _log(self, entry: Entry) -> Entry:
        with (self.folder / _LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")
        self._known[entry.file] = entry
        return entry


def entries(folder: Path) -> list[Entry]:
    """What became of every file, the last word on each. A line cut off by a crash is left out."""
    path = folder / _LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[str, Entry] = {}
    for line in lines:
        try:
            fields: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            continue
        known = fields.pop("origin")
        entry = Entry(origin=Origin(**known) if known else None, **fields)
        found[entry.file] = entry
    return list(found.values())


def check(folder: Path) -> tuple[int, int, list[str]]:
    """Items and frames that can be read, and what is damaged, each with its piece."""
    count, frames, damaged = 0, 0, list[str]()
    for piece in pieces(folder):
        try:
            with zipfile.ZipFile(piece) as archive:
                names = archive.namelist()
                for name in names:
                    try:
                        frames += _frames(archive.read(name), f"{piece.name}: {name}")
                        count += 1
                    except (MediaError, OSError, zipfile.BadZipFile) as error:
                        damaged.append(str(error))
        except (OSError, zipfile.BadZipFile) as error:
            damaged.append(f"{piece.name}: {error}")
    return count, frames, damaged


def _frames(data: bytes, name: str) -> int:
    """How many frames an item has. MediaError or OSError unless all of them can be read."""
    item = read(data, name)
    sizes = {item.picture(i).shape for i in range(len(item.frames))}
    sizes |= {(*item.matte(i).shape, 3) for i in range(len(item.sources))}
    if len(sizes) != 1 or len(item.landmarks) != len(item.frames):
        raise MediaError(f"{name}: its parts do not fit together")
    return len(item.frames)
