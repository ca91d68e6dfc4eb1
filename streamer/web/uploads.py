"""Portraits that visitors bring: received, checked, and made in a process of their own."""

import asyncio
import contextlib
import json
import logging
import secrets
import shutil
import signal
import unicodedata
from collections.abc import Callable, Coroutine
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

Start = Callable[[Coroutine[Any, Any, None]], object]
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
    ) -> None:
        """`folder` is the server's own, and empty; `ready` is told the names of portraits."""
        self._folder = folder
        self._catalogue = catalogue
        self._start = start
        self._ready = ready
        self._seconds = seconds
        self._one_at_a_time = asyncio.Semaphore(1)
        self._waiting = 0
        self._jobs: dict[str, asyncio.Task[None]] = {}

    def accept(self, visitor: Visitor, upload: Upload) -> str:
        """Check what came and begin to make its portrait; its name. Refusal when it cannot be."""
        kind = check_picture(upload.data)
        if len(visitor.brought) >= _PER_VISITOR:
            raise Refusal(
                *(409, "portraits"),
                f"you have {_PER_VISITOR} portraits of your own; delete one first",
            )
        if self._waiting >= _WAITING:
            raise Refusal(503, "busy", "many pictures are waiting; try again in a minute", 60)
        name = f"own-{secrets.token_hex(8)}"
        source = self._folder / f"{name}.portrait"
        title = _plain(upload.title) or "My portrait"
        self._catalogue.add(Entry(name, title, str(source), visitor.name, "waiting"))
        visitor.brought.add(name)
        self._waiting += 1
        _log.info(
            "a visitor brought a picture and stated consent (%s, %d kB)",
            kind,
            len(upload.data) // 1000,
        )
        self._start(self._make(name, kind, upload.data))
        return name

    def delete(self, name: str) -> None:
        """Stop making it, forget it and delete its files."""
        self._catalogue.remove(name)
        if (job := self._jobs.pop(name, None)) is not None:
            job.cancel()
        for path in self._folder.glob(f"{name}.*"):
            with contextlib.suppress(OSError):
                path.unlink()

    async def keep(self, name: str, folder: Path) -> Path:
        """Save the portrait in the owner's folder, for good; where it is."""
        entry = self._catalogue.find(name, None)
        assert entry is None, "only what visitors brought is kept"
        target = folder / f"{name}.portrait"
        await asyncio.to_thread(_copy, self._folder / f"{name}.portrait", target)
        return target

    async def _make(self, name: str, kind: str, data: bytes) -> None:
        """The way of one upload, from the first step to the last."""
        job = asyncio.current_task()
        assert job is not None
        self._jobs[name] = job
        source = self._folder / f"{name}.{kind}"
        counted = True
        try:
            async with self._one_at_a_time:
                self._waiting, counted = self._waiting - 1, False
                await asyncio.to_thread(source.write_bytes, data)
                await self._enroll(name, source)
        except OSError as error:
            _log.warning("a visitor's picture cannot be worked on: %s", error)
            self._fail(name, "the server has no room for it now; try again later")
        finally:
            self._waiting -= counted
            self._jobs.pop(name, None)
            with contextlib.suppress(OSError):
                source.unlink(missing_ok=True)

    async def _enroll(self, name: str, source: Path) -> None:
        thumbnail = self._folder / f"{name}.thumbnail"
        portrait = self._folder / f"{name}.portrait"
        self._catalogue.change(name, state="enrolling", step="starting")
        command = child.command(source, portrait, thumbnail, self._seconds)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=child.environment(),
            limit=_LINE,
        )
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._listen(name, process)
                code = await process.wait()
        except TimeoutError:
            self._fail(name, f"this picture took longer than {self._seconds} s; try a smaller one")
            return
        finally:
            await _ended(process)
        if "quality" in found and code == 0:
            small = await asyncio.to_thread(thumbnail.read_bytes)
            self._catalogue.keep_thumbnail(name, small)
            quality, advice = int(found["quality"]), tuple(str(a) for a in found["advice"])
            self._catalogue.change(
                name, state="ready", step="ready", quality=quality, advice=advice
            )
            self._ready(name)
            return
        if "problem" not in found:
            _log.warning("making a visitor's portrait ended with %s", _ending(code))
        self._fail(name, str(found.get("problem", _UNREADABLE)))

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
