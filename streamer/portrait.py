"""The enrolled portrait: everything the generator needs of a face, as frozen arrays, and its file.

File format (`.portrait`, version 1): a zip archive as NumPy writes it (`.npz`), read without
pickle. Its entries are `manifest` (UTF-8 JSON: format, version, name, report), `picture`,
`foreground`, `plate` (RGB) and `matte` (grey) as PNG files in uint8 arrays, and `landmarks`
(478, 3) float32. Mesh and layers are made from these when it is opened, so that an old file gains
whatever a newer program does better. A tuned portrait also has `film_0` ... (F,) float32, and in
its manifest `tuned`, the digests of the weights that these belong to.
"""

import hashlib
import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from engines.contract import FILM, Floats
from engines.features import closed_lips
from engines.geometry import POINTS, Pose, fit_pose
from streamer.errors import MediaError
from streamer.frame import Array, Image, Landmarks
from streamer.output import replacing

FORMAT, VERSION = "vivant.portrait", 1
_MAX_BYTES = 100_000_000
_MAX_PIXELS = 16_000_000
_MAX_TUNED = 8
_DAMAGES = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, UnidentifiedImageError),
    *(KeyError, TypeError, ValueError, RecursionError, NotImplementedError, RuntimeError),
    *(SyntaxError, tokenize.TokenError),
)
"""What reading a damaged or foreign file raises in zipfile, NumPy, JSON and Pillow."""

_Header = tuple[tuple[int, ...], bool, "np.dtype[Any]"]
N = TypeVar("N", np.uint8, np.float32)


@dataclass(frozen=True, slots=True)
class FaceReport:
    """What enrollment found in the photo."""

    face_width_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    """energy of fine detail in the face relative to a sharp photo, about 0-1"""
    mouth: str
    """"shut" or "open" """
    glasses: bool
    quality: int
    """0-100"""
    advice: tuple[str, ...]
    """what would raise the quality, best first"""


@dataclass(frozen=True)
class Portrait:
    """An enrolled face."""

    name: str
    picture: Image
    """(H, W, 3) the photo, upright"""
    landmarks: Landmarks
    """(478, 3) in pixels of the picture"""
    matte: NDArray[np.uint8]
    """(H, W) the person"""
    foreground: Image
    """(H, W, 3) the person's colours without background, continued beyond the matte"""
    plate: Image
    """(H, W, 3) the background without the person"""
    report: FaceReport
    tuned: Mapping[str, Floats] = field(default_factory=dict[str, Floats])
    """FiLM numbers (F,) by the digest of the weights for which they were fitted to the face"""

    @property
    def width(self) -> int:
        """Of the picture, px."""
        return self.picture.shape[1]

    @property
    def height(self) -> int:
        """Of the picture, px."""
        return self.picture.shape[0]

    @cached_property
    def pose(self) -> Pose:
        """Where the head is in the picture."""
        return fit_pose(self.landmarks)

    @cached_property
    def points(self) -> Array:
        """(478, 3) the face as it is in the picture, in the head frame."""
        return self.pose.to_head(self.landmarks)

    @cached_property
    def shut(self) -> Array:
        """(468, 3) the same with closed lips: what a driver's neutral face is laid on."""
        return closed_lips(self.points[:POINTS])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of picture and landmarks."""
        return hashlib.sha256(self.picture.tobytes() + self.landmarks.tobytes()).hexdigest()


def save_portrait(portrait: Portrait, path: Path) -> None:
    """Write the file; a half-written one never takes its name."""
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "name": portrait.name,
        "report": asdict(portrait.report),
        "tuned": list(portrait.tuned),
    }
    entries: dict[str, Any] = {
        "manifest": np.frombuffer(json.dumps(manifest).encode(), np.uint8),
        "landmarks": portrait.landmarks,
        "picture": _png(portrait.picture),
        "foreground": _png(portrait.foreground),
        "plate": _png(portrait.plate),
        "matte": _png(portrait.matte),
        **{f"film_{i}": film for i, film in enumerate(portrait.tuned.values())},
    }
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, **entries)


def load_portrait(path: Path) -> Portrait:
    """Read the file. MediaError when it is missing, damaged, foreign or from a newer program.

    Nothing in it is run, and nothing is unpacked beyond the size a portrait can have.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise MediaError(f"{path}: larger than {_MAX_BYTES // 1_000_000} MB; not a portrait")
        with zipfile.ZipFile(path) as archive:
            portrait = _read(archive, path)
    except FileNotFoundError as error:
        raise MediaError(f"{path}: there is no such file") from error
    except _DAMAGES as error:
        raise MediaError(
            f"{path}: not a portrait file, or damaged; make it again with"
            f" `vivant enroll PHOTO -o {path.name}`"
        ) from error
    _check_shapes(portrait, path)
    return portrait


def _read(archive: zipfile.ZipFile, path: Path) -> Portrait:
    manifest = _manifest(_entry(archive, "manifest", np.uint8).tobytes(), path)
    report = dict(manifest["report"])
    report["advice"] = tuple(str(line) for line in report["advice"])
    return Portrait(
        name=str(manifest["name"]),
        picture=_image(_entry(archive, "picture", np.uint8), "RGB"),
        landmarks=_entry(archive, "landmarks", np.float32),
        matte=_image(_entry(archive, "matte", np.uint8), "L"),
        foreground=_image(_entry(archive, "foreground", np.uint8), "RGB"),
        plate=_image(_entry(archive, "plate", np.uint8), "RGB"),
        report=FaceReport(**report),
        tuned={str(digest): _film(archive, i) for i, digest in enumerate(_tuned(manifest))},
    )


def _tuned(manifest: dict[str, Any]) -> list[object]:
    """The digests of the weights it is tuned for; none in files of older programs."""
    digests = manifest.get("tuned", [])
    if not isinstance(digests, list) or len(cast("list[object]", digests)) > _MAX_TUNED:
        raise TypeError("tuned")
    return cast("list[object]", digests)


def _film(archive: zipfile.ZipFile, number: int) -> Floats:
    film = _entry(archive, f"film_{number}", np.float32)
    if film.shape not in {(count,) for count in FILM.values()} or not np.isfinite(film).all():
        raise ValueError("film")
    return film


def _entry(archive: zipfile.ZipFile, name: str, kind: type[N]) -> NDArray[N]:
    """One array; ValueError unless it is of this kind and of a size a portrait can have."""
    with archive.open(f"{name}.npy") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ValueError("too large")
    stream = io.BytesIO(raw)
    npy = cast("Any", np.lib.format)
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("array version")
    shape, by_columns, found = cast("_Header", npy.read_array_header_1_0(stream))
    if found != np.dtype(kind) or by_columns:
        raise ValueError("kind of array")
    return np.frombuffer(raw, kind, offset=stream.tell()).reshape(shape).copy()


def _manifest(text: bytes, path: Path) -> dict[str, Any]:
    manifest: object = json.loads(text)
    if not isinstance(manifest, dict):
        raise TypeError("manifest")
    fields = cast("dict[str, Any]", manifest)
    if fields.get("format") != FORMAT:
        raise ValueError("format")
    if fields.get("version") != VERSION:
        raise MediaError(
            f"{path}: portrait version {fields.get('version')}, this program reads {VERSION};"
            " update it"
        )
    return fields


def _check_shapes(portrait: Portrait, path: Path) -> None:
    size = portrait.picture.shape[:2]
    same = portrait.plate.shape[:2] == portrait.foreground.shape[:2] == portrait.matte.shape == size
    if (
        not same
        or portrait.landmarks.shape != (478, 3)
        or not np.isfinite(portrait.landmarks).all()
    ):
        raise MediaError(f"{path}: damaged portrait: its parts do not fit together")


def _png(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG", compress_level=3)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def _image(data: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    with Pillow.open(io.BytesIO(data.tobytes()), formats=["PNG"]) as image:
        if image.mode != mode or image.width * image.height > _MAX_PIXELS:
            raise ValueError(mode)
        return np.array(image, np.uint8)
