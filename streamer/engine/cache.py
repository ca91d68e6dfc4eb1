"""Engine files kept on disk, each with its manifest. What does not fit is built again, not opened.

Beside `NAME.engine` lie `NAME.json`, its manifest, and sometimes `NAME.jit`: what the library
compiled for this GPU at the first opening.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from streamer.engine import manifest as manifests
from streamer.engine.manifest import Check, Key, Manifest, Misfit
from streamer.errors import MediaError
from streamer.output import make_folder, replacing

ENGINE, MANIFEST, COMPILED = ".engine", ".json", ".jit"
GRAPH = ".onnx"
ABSENT = "is not there"
"""What Misfit says where nothing was kept."""
_LARGEST = 1 << 30
"""Bytes an engine file may have."""
_MARK = b"vivant\n\0"
"""How a file begins that carries its own hash."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the folder holds under one name."""

    path: Path
    """of the engine file"""
    size: int
    """of all files of that name, bytes"""
    manifest: Manifest | None
    """None = there is none that can be read"""


def default_folder() -> Path:
    """Where engine files go."""
    from streamer import places  # noqa: PLC0415  (not where only torch is, as for gpu_check)

    return places.cache_folder() / "engines"


def find(folder: Path, key: Key) -> bytes:
    """The engine file that was built for `key`. Misfit says why there is none."""
    path = folder / f"{key.stem}{ENGINE}"
    manifest = manifests.read(_content(path.with_suffix(MANIFEST), manifests.LARGEST))
    manifest.demand(key)
    engine = _content(path, _LARGEST)
    manifest.demand_bytes(engine)
    return engine


def keep(folder: Path, key: Key, engine: bytes, seconds: float) -> str | None:
    """Write an engine file and its manifest; a sentence when that cannot be, and it is not kept."""
    path = folder / f"{key.stem}{ENGINE}"
    text = manifests.describe(key, engine, seconds).text()
    try:
        make_folder(folder)
        _write(path, engine)
        _write(path.with_suffix(MANIFEST), text.encode())
    except MediaError as error:
        return f"the engine is not kept and will be built again next time: {error}"
    with suppress(OSError):
        path.with_suffix(COMPILED).unlink(missing_ok=True)
    return None


def record(folder: Path, key: Key, check: Check) -> None:
    """Add the result of the self-test to the manifest, if there is one and it can be written."""
    path = folder / f"{key.stem}{MANIFEST}"
    with suppress(Misfit, MediaError):
        manifest = manifests.read(_content(path, manifests.LARGEST))
        manifest.demand(key)
        _write(path, replace(manifest, check=check).text().encode())


def forget(folder: Path, key: Key) -> None:
    """Remove an engine file that turned out to be of no use."""
    _remove(folder / f"{key.stem}{ENGINE}")


def sealed(path: Path) -> bytes:
    """A file that carries its own hash, as `seal` wrote it. Misfit when it is not whole."""
    content = _content(path, _LARGEST)
    body = content[len(_MARK) + 32 :]
    if not content.startswith(_MARK) or content[len(_MARK) :][:32] != _hash(body):
        raise Misfit("is damaged or not ours")
    return body


def seal(path: Path, body: bytes) -> None:
    """Write a file that carries its own hash; nothing happens where that cannot be."""
    with suppress(MediaError):
        make_folder(path.parent)
        _write(path, _MARK + _hash(body) + body)


def listing(folder: Path) -> list[Kept]:
    """What the folder holds, by name."""
    return [_kept(path) for path in sorted(_engines(folder))]


def clear(folder: Path) -> int:
    """Remove all engine and graph files, and nothing else; how many bytes that freed."""
    freed = 0
    for path in [*_engines(folder), *_found(folder, GRAPH)]:
        freed += _remove(path)
    return freed


def _engines(folder: Path) -> Iterator[Path]:
    yield from _found(folder, ENGINE)


def _found(folder: Path, suffix: str) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if path.suffix == suffix and path.is_file()]
    return []


def _kept(path: Path) -> Kept:
    manifest = None
    with suppress(Misfit):
        manifest = manifests.read(_content(path.with_suffix(MANIFEST), manifests.LARGEST))
    return Kept(path, sum(_size(one) for one in _family(path)), manifest)


def _family(path: Path) -> list[Path]:
    return [path, path.with_suffix(MANIFEST), path.with_suffix(COMPILED)]


def _remove(path: Path) -> int:
    """The manifest last but for the engine: what is left half removed is never opened."""
    freed = 0
    for one in reversed(_family(path)):
        size = _size(one)
        with suppress(OSError):
            one.unlink()
            freed += size
    return freed


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _content(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise Misfit(ABSENT) from None
    except OSError as error:
        raise Misfit(f"cannot be read: {error.strerror}") from None
    if len(content) > largest:
        raise Misfit("is far too large")
    return content


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as part:
        part.write_bytes(content)


def _hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
