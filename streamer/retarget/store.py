"""Calibrations kept from run to run: one small file per driver and camera.

File format (version 1): a zip archive as NumPy writes it (`.npz`), read without pickle: `manifest`
(UTF-8 JSON: format, version, driver, camera, quality) and the fields of `Calibration`. It holds the
shape of a face and no picture; only its owner may read it.
"""

import hashlib
import json
import logging
import re
import tokenize
import unicodedata
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np

from engines.geometry import Pose
from streamer.frame import Array
from streamer.output import cannot_write, make_folder, replacing
from streamer.retarget.calibration import Calibration

FORMAT, VERSION = "vivant.calibration", 1
_LARGEST = 100_000
"""Bytes a file may have, and its parts together when unpacked."""
_SHAPES: dict[str, tuple[int, ...]] = {
    "points": (478, 3),
    "rotation": (3, 3),
    "translation": (3,),
    "scale": (),
    "eye_open": (2,),
    "eye_shut": (2,),
    "lips_touch": (),
    "gaze": (2,),
}
_DAMAGES = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError),
    *(RecursionError, NotImplementedError, RuntimeError, MemoryError, OverflowError),
    *(SyntaxError, tokenize.TokenError),
)
"""What reading a damaged or foreign file raises in zipfile, NumPy and JSON."""

_log = logging.getLogger(__name__)


class CalibrationStore:
    """The files of one folder, which is made when the first is saved. Any thread may use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, driver: str, camera: str, calibration: Calibration, quality: int) -> Path:
        """Write or replace the file; MediaError when that cannot be."""
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "driver": _plain(driver),
            "camera": _plain(camera),
            "quality": quality,
        }
        pose = calibration.pose
        entries: dict[str, Any] = {
            "manifest": np.frombuffer(json.dumps(manifest).encode(), np.uint8),
            "points": calibration.points,
            "rotation": pose.rotation,
            "translation": pose.translation,
            "scale": np.float32(pose.scale),
            "eye_open": calibration.eye_open,
            "eye_shut": calibration.eye_shut,
            "lips_touch": np.float32(calibration.lips_touch),
            "gaze": calibration.gaze,
        }
        make_folder(self._folder)
        path = self._folder / _file_name(driver, camera)
        with replacing(path) as part:
            part.chmod(0o600)
            np.savez(part, **entries)
        return path

    def load(self, driver: str, camera: str) -> tuple[Calibration, int] | None:
        """What was saved and its quality, 0 to 100; None when there is nothing that can be used.

        A file that is damaged, or of something else, is told as a WARNING and left as it is.
        """
        path = self._folder / _file_name(driver, camera)
        try:
            manifest, values = _read(path)
            _check(manifest, driver, camera)
            return _checked(values), min(max(int(manifest["quality"]), 0), 100)
        except FileNotFoundError:
            return None
        except _DAMAGES as error:
            _log.warning(
                "%s: not a usable calibration (%s); press c to take a new one in its place",
                path,
                str(error).partition("\n")[0] or type(error).__name__,
            )
            return None

    def forget(self, driver: str | None = None) -> int:
        """Delete what is kept of one driver, with every camera, or of everybody; how many files.

        MediaError when one cannot be deleted.
        """
        whose = "" if driver is None else f"{_named(driver)}--"
        count = 0
        for path in sorted(self._folder.glob("*.npz")):
            if _HALF.fullmatch(path.name) or (
                _WHOLE.fullmatch(path.name) and path.name.startswith(whose)
            ):
                try:
                    path.unlink()
                except OSError as error:
                    raise cannot_write(path, error) from error
                count += 1
        if driver is None:
            with suppress(OSError):  # not empty, or never made
                self._folder.rmdir()
        return count


_WHOLE = re.compile(r"[a-z0-9-]*-[0-9a-f]{12}--[a-z0-9-]*-[0-9a-f]{12}\.npz")
_HALF = re.compile(r"\..*\.part\.npz")
"""Left behind by a program that was killed. Files of other names are never deleted."""


def _file_name(driver: str, camera: str) -> str:
    return f"{_named(driver)}--{_named(camera)}.npz"


def _named(name: str) -> str:
    """A part of a file name that any file system holds, readable where the name is, and unique."""
    plain = _plain(name)
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:30]
    return f"{readable}-{hashlib.sha256(plain.encode()).hexdigest()[:12]}"


def _plain(name: str) -> str:
    """One spelling of each name: composed letters, and no halves of characters."""
    whole = name.encode("utf-8", "backslashreplace").decode()
    return unicodedata.normalize("NFC", whole)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size > _LARGEST:
            raise ValueError(f"{size} bytes are too many")
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
                raise ValueError("it unpacks to too much")
        file.seek(0)
        with np.load(file, allow_pickle=False) as data:
            manifest = json.loads(data["manifest"].astype(np.uint8).tobytes())
            values = {name: cast("Array", data[name]) for name in _SHAPES}
    if not isinstance(manifest, dict):
        raise TypeError("its manifest is no object")
    return cast("dict[str, Any]", manifest), values


def _check(manifest: dict[str, Any], driver: str, camera: str) -> None:
    """Raises when the file is of another kind, a newer program, or somebody else."""
    if manifest["format"] != FORMAT:
        raise ValueError("another format")
    if manifest["version"] != VERSION:
        raise ValueError(f"version {manifest['version']}, and this program reads {VERSION}")
    if (manifest["driver"], manifest["camera"]) != (_plain(driver), _plain(camera)):
        raise ValueError("it is of another driver or camera")


def _checked(values: dict[str, Array]) -> Calibration:
    """Raises when the numbers cannot be a calibration."""
    for name, shape in _SHAPES.items():
        value = values[name]
        if value.dtype != np.float32 or value.shape != shape or not np.isfinite(value).all():
            raise ValueError(f"{name} is wrong")
    rotation, scale = values["rotation"], float(values["scale"])
    opened, shut, touch = values["eye_open"], values["eye_shut"], float(values["lips_touch"])
    sound = (
        np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-3
        and scale > 0
        and np.abs(values["points"]).max() < 4
        and float(opened.min()) > 0
        and bool((shut >= 0).all() and (shut <= opened).all())
        and 0 <= touch < 0.5
    )
    if not sound:
        raise ValueError("its numbers are no face")
    pose = Pose(rotation, values["translation"], scale)
    return Calibration(values["points"], pose, opened, shut, touch, values["gaze"])
