"""People on disk: one file for each, the same bytes for the same seed."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from streamer.errors import MediaError
from streamer.frame import Array, Image
from streamer.output import replacing
from tools.heads.landmarks import Places, landmarks_of
from tools.heads.moves import Move
from tools.heads.raster import Triangles
from tools.heads.render import Frame, Studio
from tools.heads.truth import View
from tools.packing.item import apart, decoded, encoded, joined

FORMAT, VERSION = "vivant.heads", 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """The frames of one person, read back."""

    about: dict[str, Any]
    """seed, side, traits, moves, camera, light"""
    pictures: tuple[bytes, ...]
    """PNG files"""
    mattes: tuple[bytes, ...]
    landmarks: Array
    """(f, 478, 3) px"""
    triangles: Triangles
    """(t, 3), empty where the geometry was left out"""
    part: NDArray[np.uint8]
    """(t,)"""
    triangle: NDArray[np.int32]
    """(f, side, side)"""
    vertices: Array
    """(f, n, 3)"""

    def picture(self, frame: int) -> Image:
        """(side, side, 3)."""
        return decoded(self.pictures[frame], "RGB")

    def matte(self, frame: int) -> Image:
        """(side, side)."""
        return decoded(self.mattes[frame], "L")

    def view(self, frame: int) -> View:
        """For `tools.heads.truth`."""
        return View(self.triangle[frame], self.vertices[frame])


def file_of(folder: Path, seed: int) -> Path:
    """Where a person is kept."""
    return folder / f"person-{seed:06}.npz"


def write(
    path: Path, place: Studio, frames: Sequence[Frame], places: Places, *, geometry: bool
) -> None:
    """Keep a person. MediaError when there is no room or no permission."""
    camera, side, rig = place.person.camera, place.side, place.person.rig
    landmarks = [landmarks_of(places, frame.vertices, camera, side) for frame in frames]
    arrays: dict[str, NDArray[Any]] = {
        "manifest": np.frombuffer(json.dumps(_manifest(place, frames)).encode(), np.uint8),
        "landmarks": np.stack(landmarks),
    }
    for name, files in (
        ("pictures", [encoded(frame.picture, "PNG") for frame in frames]),
        ("mattes", [encoded(frame.matte, "PNG") for frame in frames]),
    ):
        arrays[name], arrays[f"{name}_ends"] = joined(files)
    if geometry:
        arrays |= {
            "triangles": rig.triangles,
            "part": rig.part,
            "triangle": np.stack([frame.triangle for frame in frames]),
            "vertices": np.stack([frame.vertices for frame in frames]).astype(np.float32),
        }
    buffer = io.BytesIO()
    cast("Any", np.savez_compressed)(buffer, **arrays)
    with replacing(path) as part:
        part.write_bytes(buffer.getvalue())


def _manifest(place: Studio, frames: Sequence[Frame]) -> dict[str, Any]:
    person = place.person
    return {
        "format": FORMAT,
        "version": VERSION,
        "synthetic": True,
        "side": place.side,
        "traits": asdict(person.traits),
        "moves": [_rounded(frame.move) for frame in frames],
        "camera": {
            "eye": person.camera.eye.tolist(),
            "axes": person.camera.axes.tolist(),
            "zoom": person.camera.zoom,
        },
        "light": {
            "environment": person.light.name,
            "harmonics": person.light.harmonics.tolist(),
            "lamps": person.light.lamps.tolist(),
            "colours": person.light.colours.tolist(),
        },
    }


def _rounded(move: Move) -> dict[str, Any]:
    return {
        "units": {name: round(share, 5) for name, share in move.units.items()},
        "gaze": [round(v, 5) for v in move.gaze],
        "turn": [round(v, 5) for v in move.turn],
        "shift": [round(v, 5) for v in move.shift],
    }


def read(path: Path) -> Recorded:
    """A person. MediaError when the file is damaged or not one of these."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            about: dict[str, Any] = json.loads(file["manifest"].tobytes())
            if (about.get("format"), about.get("version")) != (FORMAT, VERSION):
                raise MediaError(f"{path}: no person that this program reads; render it again")
            whole = "triangles" in file.files
            none = np.zeros((0, 3), np.float32)
            return Recorded(
                about=about,
                pictures=apart(file["pictures"], file["pictures_ends"]),
                mattes=apart(file["mattes"], file["mattes_ends"]),
                landmarks=file["landmarks"],
                triangles=file["triangles"] if whole else none.astype(np.int32),
                part=file["part"] if whole else np.zeros(0, np.uint8),
                triangle=file["triangle"] if whole else np.zeros((0, 0, 0), np.int32),
                vertices=file["vertices"] if whole else none[None],
            )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MediaError(f"{path}: damaged; render it again ({error})") from error
