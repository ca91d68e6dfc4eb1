"""The portraits of a server: those of its owner, and those that visitors brought for themselves."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from streamer.bundled import portrait_path
from streamer.errors import MediaError
from streamer.portrait import Portrait
from streamer.web.child import small

State = Literal["waiting", "enrolling", "ready", "failed"]

_LOADED = 12
"""Portraits kept in memory, those used last."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One portrait that can be, or will be, shown."""

    name: str
    """By which it is asked for; tells nothing of a file."""
    title: str
    """For a person."""
    source: str
    """What it is loaded from: a bundled name or a file."""
    owner: str | None = None
    """The visitor who alone may see it; None: everybody."""
    state: State = "ready"
    step: str = ""
    """What is being done with it, or was last."""
    message: str = ""
    """Why it failed; empty otherwise."""
    quality: int | None = None
    """0 to 100, of what was brought"""
    advice: tuple[str, ...] = ()


class Catalogue:
    """All portraits. Any thread may ask; loading one blocks, a second where it is a photo."""

    def __init__(self, names: Sequence[str], load: Callable[[str], Portrait]) -> None:
        """MediaError when one of the files is missing. Nothing is loaded yet."""
        self._load = load
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._portraits: dict[str, Portrait] = {}
        self._thumbnails: dict[str, bytes] = {}
        for name in dict.fromkeys(names):
            self.add(_of_owner(name, self._entries))

    def add(self, entry: Entry) -> None:
        """One more, or the same anew."""
        with self._lock:
            self._entries[entry.name] = entry

    def remove(self, name: str) -> None:
        """Forget it, and its pixels."""
        with self._lock:
            self._entries.pop(name, None)
            self._portraits.pop(name, None)
            self._thumbnails.pop(name, None)

    def change(self, name: str, **values: object) -> None:
        """Set fields of an entry that is still there."""
        with self._lock:
            if name in self._entries:
                self._entries[name] = replace(self._entries[name], **values)

    def state(self, name: str) -> State | None:
        """How far it is; None when it is not there."""
        entry = self._entries.get(name)
        return None if entry is None else entry.state

    def find(self, name: str, visitor: str | None) -> Entry | None:
        """The entry, where this visitor may see it."""
        entry = self._entries.get(name)
        return entry if entry is not None and entry.owner in (None, visitor) else None

    def seen_by(self, visitor: str | None) -> list[Entry]:
        """What this visitor may see, in whatever state: the owner's first."""
        with self._lock:
            entries = list(self._entries.values())
        return [entry for entry in entries if entry.owner in (None, visitor)]

    def ready(self, visitor: str | None) -> tuple[str, ...]:
        """The names that this visitor can ask for now."""
        return tuple(e.name for e in self.seen_by(visitor) if e.state == "ready")

    def load(self, name: str) -> Portrait:
        """The portrait, loaded once for all. MediaError when it is gone or cannot be loaded."""
        with self._loading:
            if (known := self._portraits.get(name)) is not None:
                return known
            entry = self._entries.get(name)
            if entry is None:
                raise MediaError(f"{name}: this portrait is no longer there")
            portrait = self._load(entry.source)
            with self._lock:
                if name in self._entries:  # else it was deleted meanwhile
                    self._portraits[name] = portrait
                while len(self._portraits) > _LOADED:
                    del self._portraits[next(iter(self._portraits))]
            return portrait

    def thumbnail(self, name: str) -> bytes:
        """A small JPEG of the head. Blocks as `load` does, the first time."""
        known = self._thumbnails.get(name)
        if known is None:
            known = small(self.load(name))
            self.keep_thumbnail(name, known)
        return known

    def keep_thumbnail(self, name: str, jpeg: bytes) -> None:
        """The small picture of an entry that is still there."""
        with self._lock:
            if name in self._entries:
                self._thumbnails[name] = jpeg


def _of_owner(source: str, taken: dict[str, Entry]) -> Entry:
    """The entry of a bundled name or a file; its name is short, and no path."""
    path = portrait_path(source)
    if not path.is_file():
        raise MediaError(
            f"{source}: no such file, and no bundled portrait of that name; name a picture, a"
            " .portrait file, ada, bruno or mei"
        )
    stem = Path(source).stem[:40] or "portrait"
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return Entry(unique, stem.replace("_", " ").capitalize(), source)
