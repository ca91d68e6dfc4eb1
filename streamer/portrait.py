"""The enrolled portrait: everything the generator needs of a face, as frozen arrays, and its file.

File format (`.portrait`, version 1): a zip archive as NumPy writes it (`.npz`), read without
pickle. Its entries are `manifest` (UTF-8 JSON: format, version, name, report), `picture`,
`foreground`, `plate` (RGB) and `matte` (grey) as PNG files in uint8 arrays, and `landmarks`
(478, 3) float32. Mesh and layers are made from these when it is opened, so that an old file gains
whatever a newer program does better.
"""

import hashlib
import io
import json
import os
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from engines.features import closed_lips
from engines.geometry import POINTS, Pose, fit_pose
from streamer.errors import MediaError
from streamer.frame import Array, Image, Landmarks

FORMAT, VERSION = "vivant.portrait", 1
_MAX_BYTES = 200_000_000


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
    }
    entries: dict[str, Any] = {
        "manifest": np.frombuffer(json.dumps(manifest).encode(), np.uint8),
        "landmarks": portrait.landmarks,
        "picture": _png(portrait.picture),
        "foreground": _png(portrait.foreground),
        "plate": _png(portrait.plate),
        "matte": _png(portrait.matte),
    }
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **entries)
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def load_portrait(path: Path) -> Portrait:
    """Read the file. MediaError when it is missing, damaged, foreign or from a newer program."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise MediaError(f"{path}: larger than {_MAX_BYTES // 1_000_000} MB; not a portrait")
        with np.load(path, allow_pickle=False) as data:
            manifest = cast("dict[str, Any]", json.loads(bytes(data["manifest"])))
            _check(manifest, path)
            report = dict(manifest["report"])
            report["advice"] = tuple(report["advice"])
            portrait = Portrait(
                name=str(manifest["name"]),
                picture=_image(data["picture"], "RGB"),
                landmarks=np.asarray(data["landmarks"], np.float32),
                matte=_image(data["matte"], "L"),
                foreground=_image(data["foreground"], "RGB"),
                plate=_image(data["plate"], "RGB"),
                report=FaceReport(**report),
            )
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file") from error
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MediaError(
            f"{path}: not a portrait file, or damaged; make it again with"
            f" `vivant enroll PHOTO -o {path.name}`"
        ) from error
    _check_shapes(portrait, path)
    return portrait


def _check(manifest: dict[str, Any], path: Path) -> None:
    if manifest.get("format") != FORMAT:
        raise ValueError("format")
    if manifest.get("version") != VERSION:
        raise MediaError(
            f"{path}: portrait version {manifest.get('version')}, this program reads {VERSION};"
            " update it"
        )


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
    from PIL import Image as Pillow  # noqa: PLC0415

    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG", compress_level=3)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def _image(data: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    from PIL import Image as Pillow  # noqa: PLC0415

    with Pillow.open(io.BytesIO(data.tobytes()), formats=["PNG"]) as image:
        if image.mode != mode:
            raise ValueError(mode)
        return np.array(image, np.uint8)
