"""Portraits that visitors bring: received, checked, and made in a process of their own."""

import asyncio
import contextlib
import json
import logging
import secrets
import shutil
import signal
import unicodedata
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.web import child
from streamer.web.kinds import check_picture
from streamer.web.portraits import Catalogue, Entry
from streamer.web.refusal import Refusal
from streamer.web.visitors import Visitor

_SECONDS = 60
"""A portrait may take, and as much of the processor."""
_LINE = 64 * 1024
_WAITING = 8
"""Uploads that may wait, of all visitors."""
_PER_VISITOR = 8
"""Portraits a visitor may have brought."""
_LONGEST_TITLE = 60
_UNREADABLE = "this picture cannot be read; save it as a JPEG with another program and try again"
_log = logging.getLogger(__name__)

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Runs a coroutine beside everything else, and ends it with the server."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What came."""

    data: bytes
    title: str


class Uploads:
    """The visitors' own portraits. Belongs to the loop; files go and come on threads."""

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        start: Start,
        ready: Callable[[str], None],
        *,
        seconds: int = _SECONDS,
        command: Callable[[Path, Path, Path, int], Sequence[str]] = child.command,
    ) -> None:
        """`folder` is the server's own, and empty; `ready` is told the names of portraits."""
        self._folder = folder
        self._catalogue = catalogue
        self._start = start
        self._ready = ready
        self._seconds = seconds
        self._command = command
        self._one_at_a_time = asyncio.Semaphore(1)
        self._jobs: dict[str, asyncio.Task[None]] = {}

    def accept(self, visitor: Visitor, upload: Upload) -> str:
        """Check what came and begin to make its portrait; its name. Refusal when it cannot be."""
        kind = check_picture(upload.data)
        if len(visitor.brought) >= _PER_VISITOR:
            raise Refusal(
                *(409, "portraits"),
                f"you have {_PER_VISITOR} portraits of your own; delete one first",
            )
        if len(self._jobs) >= _WAITING:
            raise Refusal(503, "busy", "many pictures are waiting; try again in a minute", 60)
        name = f"own-{secrets.token_hex(8)}"
        source = self._folder / f"{name}.portrait"
        title = _plain(upload.title) or "My portrait"
        self._catalogue.add(Entry(name, title, str(source), visitor.name, "waiting"))
        visitor.brought.add(name)
        _log.info(
            "a visitor brought a picture and stated consent (%s, %d kB)",
            kind,
            len(upload.data) // 1000,
        )
        job = self._start(self._make(name, kind, upload.data))
        self._jobs[name] = job
        job.add_done_callback(lambda _: self._over(name))
        return name

    def delete(self, name: str) -> None:
        """Stop making it, forget it and delete its files."""
        self._catalogue.remove(name)
        if (job := self._jobs.get(name)) is not None:
            job.cancel()
        self._remove_files(name)

    async def keep(self, visitor: Visitor, entry: Entry, folder: Path) -> Path:
        """Save a portrait in the owner's folder for good, as everybody's; where it is."""
        target = folder / f"{entry.name}.portrait"
        await asyncio.to_thread(_copy, Path(entry.source), target)
        self._catalogue.change(entry.name, source=str(target), owner=None)
        visitor.brought.discard(entry.name)
        self._remove_files(entry.name)
        return target

    def _remove_files(self, name: str) -> None:
        for path in self._folder.glob(f"{name}.*"):
            with contextlib.suppress(OSError):
                path.unlink()

    async def _make(self, name: str, kind: str, data: bytes) -> None:
        """The way of one upload, from the first step to the last."""
        try:
            async with self._one_at_a_time:
                await self._enroll(name, kind, data)
        except (OSError, ValueError) as error:
            _log.warning("a visitor's picture cannot be worked on: %s", error)
            self._fail(name, "the server has no room for it now; try again later")

    def _over(self, name: str) -> None:
        """Whether it went well, failed or was cancelled before it began."""
        self._jobs.pop(name, None)
        if self._catalogue.state(name) != "ready":
            self._remove_files(name)

    async def _enroll(self, name: str, kind: str, data: bytes) -> None:
        source = self._folder / f"{name}.{kind}"
        portrait, thumbnail = source.with_suffix(".portrait"), source.with_suffix(".thumbnail")
        self._catalogue.change(name, state="enrolling", step="starting")
        process = await asyncio.create_subprocess_exec(
            *self._command(source, portrait, thumbnail, self._seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=child.environment(),
            limit=_LINE,
        )
        try:
            async with asyncio.timeout(self._seconds):
                await _feed(process, data)
                said = await self._listen(name, process)
                code = await process.wait()
        except TimeoutError:
            self._fail(name, f"this picture took longer than {self._seconds} s; try a smaller one")
            return
        finally:
            await _ended(process)
        if "quality" in said and code == 0:
            await self._finish(name, thumbnail, said)
            return
        if "problem" not in said:
            _log.warning("making a visitor's portrait ended with %s", _ending(code))
        self._fail(name, str(said.get("problem", _UNREADABLE)))

    async def _finish(self, name: str, thumbnail: Path, said: Mapping[str, Any]) -> None:
        small = await asyncio.to_thread(thumbnail.read_bytes)
        self._catalogue.keep_thumbnail(name, small)
        quality, advice = int(said["quality"]), tuple(str(text) for text in said["advice"])
        self._catalogue.change(name, state="ready", step="ready", quality=quality, advice=advice)
        self._ready(name)

    async def _listen(self, name: str, process: asyncio.subprocess.Process) -> dict[str, Any]:
        """Pass its steps on; what it said last."""
        assert process.stdout is not None
        said: dict[str, Any] = {}
        while line := await process.stdout.readline():
            if not line.startswith(b"{"):
                continue
            said = json.loads(line)
            if "step" in said:
                self._catalogue.change(name, step=str(said["step"]))
        return said

    def _fail(self, name: str, message: str) -> None:
        self._catalogue.change(name, state="failed", message=message)


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    """Give it the picture; what it thinks of that, it says itself."""
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Kill it if it still runs, and wait until it is gone."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _ending(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _plain(title: str) -> str:
    """A title without what could deceive or break lines."""
    letters = "".join(c if unicodedata.category(c)[0] not in "CZ" else " " for c in title)
    return " ".join(letters.split())[:_LONGEST_TITLE]


def _copy(source: Path, target: Path) -> None:
    from streamer.output import make_folder, replacing  # noqa: PLC0415

    make_folder(target.parent)
    with replacing(target) as part:
        shutil.copyfile(source, part)
