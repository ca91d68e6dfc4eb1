"""A file that appears whole or not at all."""

import errno
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from streamer.errors import MediaError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """An empty file beside `path` that takes its place when the block ends well, else vanishes.

    What was at `path` stays until that moment. MediaError when the place cannot be written to.
    """
    target = path.resolve()
    part = _claimed(path, target)
    try:
        yield part
        _keep(part, target)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """MediaError when no file can be made at `path`: to be said before the work, not after it."""
    _claimed(path, path.resolve()).unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """The folder and those above it, if they are not there; MediaError when that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise MediaError(f"{path}: this is a file, and a folder is needed") from error
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: Exception) -> MediaError:
    """The sentence for a failed write, from the errno that `error` carries."""
    number = getattr(error, "errno", None)
    if number in _FULL:
        return MediaError(f"{path}: the disk is full; make room or choose another place")
    if number in _FORBIDDEN:
        return MediaError(f"{path}: no permission to write there; choose another place")
    if number in (errno.ENOENT, errno.ENOTDIR):
        return MediaError(f"{path}: there is no folder {path.parent}; make it or choose another")
    return MediaError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}")


def _claimed(path: Path, target: Path) -> Path:
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "not an ordinary file"
        raise MediaError(f"{path}: this is {what}; name a file to write")
    part = target.with_name(f".{target.stem[:40]}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise cannot_write(path, error) from error
    return part


def _keep(part: Path, target: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
