"""Compiled engines on disk: which there are, whether they would be used, and their removal."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from streamer.engine import cache
from streamer.engine.manifest import Misfit
from streamer.places import cache_folder

DAY_S = 86_400
_OPENVINO = ".blob"
_ORPHANS = (cache.MANIFEST, cache.COMPILED, ".part")
"""Endings of what an interrupted writing or removal leaves behind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One engine, or a file that helps to make some."""

    name: str
    backend: str
    paths: tuple[Path, ...]
    """its files, in the order in which they are to be removed"""
    size: int
    """bytes of all of them"""
    age_s: float
    """since it was written"""
    state: str
    """`ok`, or why it would be built again"""
    made_for: str = ""
    """the GPU and the library; empty where the file does not tell"""


def folders() -> tuple[Path, Path]:
    """Of TensorRT's engines, and of OpenVINO's models. They may not exist."""
    return cache.default_folder(), cache_folder() / "openvino"


def entries(versions: Mapping[str, str], now_s: float | None = None) -> list[Entry]:
    """All that is kept. Each engine is read whole, to see whether it is as it was written.

    `versions` of the TensorRT libraries that are here, by name: engines of others are told.
    """
    now_s = datetime.now(UTC).timestamp() if now_s is None else now_s
    engines, models = folders()
    found = [_engine(kept, versions, now_s) for kept in cache.listing(engines)]
    found += [
        _file(p, "tensorrt", "ok: a graph to build from", now_s) for p in _in(engines, cache.GRAPH)
    ]
    found += [
        _file(p, "openvino", "checked when it is loaded", now_s) for p in _in(models, _OPENVINO)
    ]
    return found


def clear(older_than_days: float = 0) -> tuple[int, int]:
    """Remove what is at least so old; how many engines that were, and how many bytes."""
    count = freed = 0
    for entry in entries({}):
        if entry.age_s >= older_than_days * DAY_S:
            size = sum(_remove(path) for path in entry.paths)
            count, freed = count + (size > 0), freed + size
    if not older_than_days:
        freed += sum(_remove(path) for folder in folders() for path in _in(folder, *_ORPHANS))
    return count, freed


def _engine(kept: cache.Kept, versions: Mapping[str, str], now_s: float) -> Entry:
    # without its manifest an engine is never opened: that goes first
    family = [kept.path.with_suffix(s) for s in (cache.MANIFEST, cache.COMPILED, cache.ENGINE)]
    paths = tuple(path for path in family if path.exists())
    key = {} if kept.manifest is None else kept.manifest.key
    made_for = " ".join(str(key[name]) for name in ("gpu", "library", "version") if name in key)
    state = _state(kept, versions)
    return Entry(
        kept.path.stem, "tensorrt", paths, kept.size, _age_s(kept.path, now_s), state, made_for
    )


def _state(kept: cache.Kept, versions: Mapping[str, str]) -> str:
    if kept.manifest is None:
        return "has no manifest that can be read"
    try:
        kept.manifest.demand_bytes(kept.path.read_bytes())
    except Misfit as misfit:
        return str(misfit)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    library, version = (kept.manifest.key.get(name) for name in ("library", "version"))
    here = versions.get(str(library))
    if here != version:
        return f"was built by {library} {version}, and here is {here or 'none'}"
    check = kept.manifest.check
    return "failed its test" if check is not None and not check.passed else "ok"


def _file(path: Path, backend: str, state: str, now_s: float) -> Entry:
    return Entry(path.stem, backend, (path,), _size(path), _age_s(path, now_s), state)


def _in(folder: Path, *suffixes: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(p for p in folder.iterdir() if p.suffix in suffixes and p.is_file())


def _remove(path: Path) -> int:
    """How many bytes that freed; 0 when it could not be removed, or is gone."""
    size = _size(path)
    try:
        path.unlink()
    except OSError:
        return 0
    return size


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _age_s(path: Path, now_s: float) -> float:
    with suppress(OSError):
        return max(0.0, now_s - path.stat().st_mtime)
    return 0.0
