"""One file's share of a pack: crops around one face with its landmarks, as NumPy keeps them.

A pack is a folder of zip pieces, each below 60 MB; each entry of a piece is one item (`.npz`). They
are read with NumPy and Pillow alone. Format (version 1): `manifest` (UTF-8 JSON), `frames` and
`mattes` (JPEG and PNG files one after the other, with `frame_ends` and `matte_ends`), `landmarks`
(n, 478, 3) in 1/64 px, `sources` (k,) the frames that have a matte, `enrolled` (k, 478, 3) the
landmarks that enrollment found in them, and `times_ms` (n,).
"""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from streamer.errors import MediaError
from streamer.frame import Array, Image, Landmarks

FORMAT, VERSION = "vivant.pack", 1
_FRACTION = 64
_QUALITY = 92
Kind = Literal["clip", "still", "render"]
"""A render is made by tools/heads; nothing may take it for a photo."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file comes from and what that allows."""

    name: str
    kind: Kind
    identity: str
    """hash of the person, or of the file where nobody says who it is"""
    licence: str
    source: str


@dataclass(frozen=True, slots=True)
class Item:
    """Pictures of one person from one file, all cropped alike."""

    origin: Origin
    frames: tuple[bytes, ...]
    """JPEG files of one size"""
    landmarks: Array
    """(n, 478, 3) px of the frames, as the tracker finds them"""
    times_ms: NDArray[np.int64]
    """(n,)"""
    sources: tuple[int, ...]
    """frames that can serve as a portrait"""
    mattes: tuple[bytes, ...]
    """PNG files, one per source"""
    enrolled: Array
    """(k, 478, 3) landmarks of the sources as enrollment finds them"""

    def picture(self, frame: int) -> Image:
        """One picture (h, w, 3)."""
        return decoded(self.frames[frame], "RGB")

    def matte(self, source: int) -> Image:
        """The matte (h, w) of the `source`-th of the sources."""
        return decoded(self.mattes[source], "L")


def encoded(picture: Image, kind: Literal["JPEG", "PNG"]) -> bytes:
    """The picture as a file; JPEG with full colour resolution."""
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": _QUALITY, "subsampling": 0} if kind == "JPEG" else {}
    Pillow.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data: bytes, mode: str) -> Image:
    """The picture in a file's bytes."""
    with Pillow.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as opened:
        return np.array(opened.convert(mode))


def written(item: Item) -> bytes:
    """The item as the bytes of its file."""
    frames, frame_ends = joined(item.frames)
    mattes, matte_ends = joined(item.mattes)
    manifest = {"format": FORMAT, "version": VERSION, **asdict(item.origin)}
    arrays: dict[str, NDArray[Any]] = {
        "manifest": np.frombuffer(json.dumps(manifest).encode(), np.uint8),
        "frames": frames,
        "frame_ends": frame_ends,
        "mattes": mattes,
        "matte_ends": matte_ends,
        "landmarks": _fixed(item.landmarks),
        "enrolled": _fixed(item.enrolled),
        "sources": np.array(item.sources, np.int32),
        "times_ms": item.times_ms.astype(np.int64),
    }
    buffer = io.BytesIO()
    cast("Any", np.savez)(buffer, **arrays)
    return buffer.getvalue()


def read(data: bytes, name: str) -> Item:
    """The item in a file's bytes. MediaError when they are damaged, foreign or newer."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            manifest = json.loads(file["manifest"].tobytes())
            if manifest.pop("format") != FORMAT or manifest.pop("version") != VERSION:
                raise MediaError(f"{name}: not an item of a pack this program reads; pack it again")
            return Item(
                origin=Origin(**manifest),
                frames=apart(file["frames"], file["frame_ends"]),
                landmarks=_pixels(file["landmarks"]),
                times_ms=file["times_ms"],
                sources=tuple(int(i) for i in file["sources"]),
                mattes=apart(file["mattes"], file["matte_ends"]),
                enrolled=_pixels(file["enrolled"]),
            )
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MediaError(f"{name}: the item is damaged; pack it again ({error})") from error


def pieces(folder: Path) -> list[Path]:
    """The pieces of a pack, in order. MediaError when there are none."""
    found = sorted(folder.glob("piece-*.zip"))
    if not found:
        raise MediaError(f"{folder}: no pack; make one with tools/pack.py")
    return found


def items(folder: Path) -> Iterator[Item]:
    """All items of a pack, one at a time. MediaError at the first that is damaged."""
    for piece in pieces(folder):
        try:
            with zipfile.ZipFile(piece) as archive:
                for name in archive.namelist():
                    yield read(archive.read(name), f"{piece}: {name}")
        except (OSError, zipfile.BadZipFile) as error:
            raise MediaError(f"{piece}: the piece is damaged; carry it again ({error})") from error


def joined(files: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The files one after the other, and where each ends."""
    ends = np.cumsum([len(file) for file in files], dtype=np.int64)
    return np.frombuffer(b"".join(files), np.uint8), ends


def apart(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[bytes, ...]:
    """The reverse."""
    starts = [0, *(int(end) for end in ends[:-1])]
    return tuple(data[a : int(b)].tobytes() for a, b in zip(starts, ends, strict=True))


def _fixed(points: Array) -> NDArray[np.int16]:
    return np.clip(np.round(points * _FRACTION), -32768, 32767).astype(np.int16)


def _pixels(fixed: NDArray[np.int16]) -> Array:
    return (fixed.astype(np.float32) / _FRACTION).astype(np.float32)


def face_px(landmarks: Landmarks) -> float:
    """Width of a face in px, as poses measure it."""
    from engines.geometry import fit_pose

    return fit_pose(landmarks).scale
