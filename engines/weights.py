"""What the refiner has learned, as a file: read without torch, and refused when it is not ours.

A file is fp16 safetensors. Its names and shapes follow from the size alone, and its digest is that
of the numbers in it, so that a graph can say which weights it was made with.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from engines.contract import FILM, PLANES, SIZES, Floats, Size

VERSION = 2
"""of the architecture: files of another one are refused"""
EMBEDDER = "embedder."
"""before the names of the embedder's weights"""
FOLDER = Path(__file__).with_name("data") / "weights"
"""where weights lie that come with the program"""

_KEY = "vivant.refiner"


class WeightsError(ValueError):
    """One line that names the file, what is wrong with it and what to do."""


@dataclass(frozen=True, slots=True)
class Params:
    """What tells one size of the refiner from another."""

    name: Size
    channels: tuple[int, int, int, int]
    """at a half, a quarter, an eighth and a sixteenth of the region's side"""
    blocks: tuple[int, int, int, int]
    """FiLM blocks at each of these, going down; coming up, the first three again"""


PARAMS: Mapping[Size, Params] = {
    "xs": Params("xs", (32, 64, 96, 128), (1, 1, 1, 1)),
    "s": Params("s", (48, 96, 160, 224), (1, 1, 2, 2)),
    "m": Params("m", (64, 128, 192, 256), (1, 2, 2, 2)),
}
FINE, COARSE = 7, 2
"""maps of the heads: red, green, blue, alpha, gain, x, y; and x, y"""
PHOTO = 6
"""maps of a photo that the embedder sees: its colours and its geometry, drawn"""
TRUNK = (32, 64, 128, 192, 256, 256)
"""channels of the embedder"""


@dataclass(frozen=True, slots=True)
class Weights:
    """All numbers of one refiner, and of its embedder if that is here too."""

    size: Size
    arrays: Mapping[str, Floats]
    """float32, of values that fp16 has"""
    digest: str
    """SHA-256 of the size, the names and the numbers"""
    note: str
    """where they come from, for a person"""

    @classmethod
    def of(cls, size: Size, arrays: Mapping[str, NDArray[Any]], note: str = "") -> "Weights":
        """The weights, rounded to fp16; WeightsError where they are not all or not finite."""
        fault = _misfit(size, {name: array.shape for name, array in arrays.items()})
        if fault:
            raise WeightsError(f"weights of size {size}: {fault}")
        with np.errstate(over="ignore"):
            halves = {name: arrays[name].astype(np.float16) for name in sorted(arrays)}
        for name, array in halves.items():
            if not np.isfinite(array).all():
                raise WeightsError(f"weights of size {size}: {name} is beyond what fp16 holds")
        floats = {name: array.astype(np.float32) for name, array in halves.items()}
        line = "".join(c for c in note if c.isprintable())[:200]
        return cls(size, floats, _digest(size, halves), line)

    @property
    def refiner(self) -> dict[str, Floats]:
        """By the names of the refiner's own layers."""
        return {name: a for name, a in self.arrays.items() if not name.startswith(EMBEDDER)}

    @property
    def embedder(self) -> dict[str, Floats]:
        """By the names of the embedder's own layers; empty when it is not here."""
        return {
            name.removeprefix(EMBEDDER): array
            for name, array in self.arrays.items()
            if name.startswith(EMBEDDER)
        }


def find(folder: Path | None, size: Size) -> Path | None:
    """The file of this size in the folder, or among those that came along; None if none is."""
    path = (folder or FOLDER) / f"{size}.safetensors"
    return path if path.is_file() else None


def read_weights(path: Path) -> Weights:
    """What is in the file; WeightsError when that is not what a refiner of this version wrote."""
    if path.exists() and not path.is_file():
        raise WeightsError(f"{path}: not a file; name the file with the weights itself")
    with _told(path), _opened(path) as file:
        facts = _facts(path, file.metadata())
        size = cast("Size", facts["size"])
        kinds = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        fault = _misfit(size, {name: tuple(kind.get_shape()) for name, kind in kinds.items()})
        if fault or any(kind.get_dtype() != "F16" for kind in kinds.values()):
            fault = fault or "its numbers are not fp16"
            raise WeightsError(
                f"{path}: not the network that this version runs ({fault}); "
                "train anew or take the weights made for this version"
            )
        halves = {name: cast("NDArray[np.float16]", file.get_tensor(name)) for name in kinds}
    whole = all(np.isfinite(array).all() for array in halves.values())
    if not whole or _digest(size, halves) != facts["digest"]:
        raise WeightsError(f"{path}: damaged (its numbers are not those written); get it again")
    return Weights.of(size, halves, facts["note"])


def write_weights(path: Path, weights: Weights) -> None:
    """Write the file whole or not at all; the same weights give the same bytes."""
    facts = {
        "version": VERSION,
        "size": weights.size,
        "digest": weights.digest,
        "note": weights.note,
    }
    halves = {name: array.astype(np.float16) for name, array in weights.arrays.items()}
    # one key, for safetensors writes several in an order of chance
    content = _content(halves, {_KEY: json.dumps(facts, sort_keys=True)})
    part = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from error


def shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Of the refiner's weights, by name."""
    found: dict[str, tuple[int, ...]] = {}
    for name, out, into, side in _convolutions(PARAMS[size]):
        found[f"{name}.weight"], found[f"{name}.bias"] = (out, into, side, side), (out,)
    return found


def embedder_shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Of the embedder's weights, by name."""
    found: dict[str, tuple[int, ...]] = {}
    for i, (into, out) in enumerate(pairwise((PHOTO, *TRUNK))):
        for name, width, side in (("first", into, 3), ("second", out, 3), ("skip", into, 1)):
            found[f"trunk.{i}.{name}.weight"] = (out, width, side, side)
            found[f"trunk.{i}.{name}.bias"] = (out,)
    found["project.weight"], found["project.bias"] = (FILM[size], TRUNK[-1]), (FILM[size],)
    return found


def _convolutions(params: Params) -> Iterator[tuple[str, int, int, int]]:
    """Name, channels out and in, and side of the kernel."""
    widths, blocks = params.channels, params.blocks
    yield "stem", widths[0], PLANES, 6
    for i, (narrow, wide) in enumerate(pairwise(widths)):
        yield f"down.{i}", wide, narrow, 3
        yield f"up.{2 - i}", narrow, wide, 1  # the way up begins at the deepest
    decoder = reversed(tuple(zip(widths[:3], blocks[:3], strict=True)))
    levels = {"encoder": zip(widths, blocks, strict=True), "decoder": decoder}
    for part, each in levels.items():
        for i, (width, count) in enumerate(each):
            for j in range(count):
                yield f"{part}.{i}.blocks.{j}.first", width, width, 3
                yield f"{part}.{i}.blocks.{j}.second", width, width, 3
    yield "fine", 4 * FINE, widths[0], 3
    yield "coarse", COARSE, widths[1], 3


def _misfit(size: Size, found: Mapping[str, tuple[int, ...]]) -> str:
    """What is missing, too much or of another shape, in words; empty if all fits."""
    expected = shapes(size)
    if any(name.startswith(EMBEDDER) for name in found):
        more = embedder_shapes(size)
        expected |= {EMBEDDER + name: shape for name, shape in more.items()}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in expected:
            return f"{name!r:.60} is not known"
        if expected[name] != found[name]:
            return f"{name} is {found[name]}, not {expected[name]}"
    return ""


def _digest(size: Size, halves: Mapping[str, NDArray[np.float16]]) -> str:
    whole = hashlib.sha256(f"{_KEY} {VERSION} {size}".encode())
    for name in sorted(halves):
        whole.update(f"\n{name} {halves[name].shape}\n".encode())
        whole.update(np.ascontiguousarray(halves[name], "<f2").tobytes())
    return whole.hexdigest()


def _facts(path: Path, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """What the file says of itself: size, digest and note."""
    try:
        facts = json.loads((metadata or {})[_KEY])
        version, texts = facts["version"], [facts[name] for name in ("size", "digest", "note")]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise WeightsError(
            f"{path}: holds no refiner; name weights that were made for this program"
        ) from None
    if version != VERSION or texts[0] not in SIZES:
        raise WeightsError(
            f"{path}: made for another network (version {version!r:.20}, size {texts[0]!r:.20}; "
            f"here {VERSION}, {', '.join(SIZES)}); train anew or take weights for this version"
        )
    return dict(zip(("size", "digest", "note"), map(str, texts), strict=True))


def _opened(path: Path) -> AbstractContextManager[Any]:
    """The file, open. Who only makes weights, as gpu_check does, needs no safetensors."""
    from safetensors import safe_open  # noqa: PLC0415

    return cast("Any", safe_open)(path, framework="numpy")


def _content(halves: Mapping[str, NDArray[np.float16]], metadata: Mapping[str, str]) -> bytes:
    """Of a file."""
    import safetensors.numpy  # noqa: PLC0415

    return cast("Any", safetensors.numpy).save(halves, metadata=metadata)


@contextmanager
def _told(path: Path) -> Generator[None]:
    """Turn what reading can raise into the sentence for it."""
    from safetensors import SafetensorError  # noqa: PLC0415

    try:
        yield
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file; name weights that are there") from error
    except SafetensorError as error:
        raise WeightsError(
            f"{path}: damaged or no weights at all (not readable as safetensors); get it again"
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise WeightsError(f"{path}: cannot be read ({reason}); check the path") from error
