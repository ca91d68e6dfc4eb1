"""The folder of assets that heads are made of, read and checked.

A folder holds `head.npz` (mesh, shapes and what is worn), `env.npz` (light) and `tex/` (pictures);
`ict.npz` (more shapes of heads) may be missing. README.md says where they come from.
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import MediaError
from streamer.frame import Array, Image
from tools.heads.arrays import Sparse, csr
from tools.heads.raster import Triangles

Numbers = NDArray[np.int64]
MASKS = ("lips", "face", "beard")
UNITS = "fu/"


@dataclass(frozen=True, slots=True)
class Worn:
    """A mesh that follows the head: eyes, teeth, hair, clothes."""

    name: str
    refs: Numbers
    """(n, 3) vertices of the head that each vertex hangs on"""
    weights: Array
    """(n, 3)"""
    offsets: Array
    """(n, 3) in the units of the head's size along each axis"""
    spans: Array
    """(3, 3) two vertices whose distance along an axis is the size, and that of the average"""
    uv: Array
    """(m, 2)"""
    uv_owner: Numbers
    """(m,) the vertex that each uv belongs to"""
    triangles: Triangles
    """(t, 3) of uv numbers"""
    hides: Numbers
    """vertices of the body that it covers"""


@dataclass(frozen=True, slots=True)
class Assets:
    """All that a folder holds."""

    folder: Path
    average: Array
    """(v, 3) in decimetres, y up, the face looks along z"""
    skin: Numbers
    """vertices that the skin is made of"""
    finer: Sparse
    """(s, len(skin)) one step of subdivision"""
    uv: Array
    """(u, 2), v up"""
    uv_owner: Numbers
    """(u,) vertex of the finer skin"""
    triangles: Triangles
    """(t, 3) of uv numbers"""
    corner: Numbers
    """(t,) vertex (of all) beside each triangle"""
    inside: Array
    """(u,) 1 in the mouth, 0 outside"""
    shapes: dict[str, tuple[Numbers, Array]]
    """vertices and how far each goes"""
    sliders: tuple[tuple[str, str, str], ...]
    """name, shape of its lower end (may be empty), shape of its upper end"""
    worn: dict[str, Worn]
    joints: dict[str, Numbers]
    mouth: Numbers
    """vertices of the bag behind the lips"""
    mouth_share: Array
    """(len(mouth), 1) how much it may be made smaller"""
    mouth_parts: Numbers
    """vertices that carry teeth and tongue"""
    lip_outer: Numbers
    modes: tuple[Numbers, Array] | None
    """vertices, and how far one standard deviation of each of the modes (k, n, 3) moves them"""
    lights: dict[str, Array]
    """environments (h, w, 3), linear"""
    masks: dict[str, Array]
    """(h, w) shares in the skin's uv"""

    @property
    def units(self) -> list[str]:
        """Names of the expression's shapes."""
        return [name.removeprefix(UNITS) for name in self.shapes if name.startswith(UNITS)]

    def joint(self, vertices: Array, name: str) -> Array:
        """(3,) middle of a joint."""
        return vertices[self.joints[name]].mean(0)

    def named(self, prefix: str) -> list[str]:
        """Pictures whose names begin so."""
        found = sorted(file.stem for file in (self.folder / "tex").glob(f"{prefix}*.webp"))
        if not found:
            raise MediaError(f"{self.folder / 'tex'}: no pictures {prefix}*.webp; copy them again")
        return found

    def picture(self, name: str) -> Image:
        """A picture (h, w, 4) with its opacity. MediaError when it cannot be read."""
        return _picture(self.folder / "tex" / f"{name}.webp")


def load(folder: Path) -> Assets:
    """The assets in a folder. MediaError names the file that is missing or damaged."""
    head = _arrays(folder / "head.npz")
    try:
        return _assembled(folder, head)
    except (KeyError, IndexError, ValueError) as error:
        path = folder / "head.npz"
        raise MediaError(f"{path}: not the assets of a head ({error}); copy it again") from error


def _assembled(folder: Path, head: dict[str, NDArray[Any]]) -> Assets:
    skin = head["vid"].astype(np.int64)
    quads = head["nquad"].astype(np.int64)
    return Assets(
        folder=folder,
        average=head["v"],
        skin=skin,
        finer=_finer(head, len(skin)),
        uv=head["uv"],
        uv_owner=head["uw"].astype(np.int64),
        triangles=_halves(head["quad"]),
        corner=skin[np.tile(quads[:, 0], 2)],  # a finer quad begins at the coarse vertex it is at
        inside=head["inside"].astype(np.float32),
        shapes=_shapes(head),
        sliders=tuple(
            (str(a), str(b), str(c))
            for a, b, c in zip(head["mod_name"], head["mod_neg"], head["mod_pos"], strict=True)
        ),
        worn={str(name): _worn(head, str(name)) for name in head["p_names"]},
        joints={key[2:]: head[key].astype(np.int64) for key in head if key.startswith("j_")},
        mouth=head["mouth_v"].astype(np.int64),
        mouth_share=head["mouth_ramp"],
        mouth_parts=head["mouth_parts"].astype(np.int64),
        lip_outer=head["lip_outer"].astype(np.int64),
        modes=_modes(folder / "ict.npz"),
        lights={k: v.astype(np.float32) for k, v in _arrays(folder / "env.npz").items()},
        masks={name: _mask(folder / "tex" / f"mask_{name}.png") for name in MASKS},
    )


def _finer(head: dict[str, NDArray[Any]], coarse: int) -> Sparse:
    starts = head["S_indptr"]
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return csr(head["S_data"], rows, head["S_indices"].astype(np.int64), (len(starts) - 1, coarse))


def _halves(quads: NDArray[Any]) -> Triangles:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def _shapes(head: dict[str, NDArray[Any]]) -> dict[str, tuple[Numbers, Array]]:
    counts = head["t_count"].astype(np.int64)
    ends = np.cumsum(counts)
    return {
        str(name): (
            head["t_idx"][end - count : end].astype(np.int64),
            head["t_delta"][end - count : end].astype(np.float32) / 1000,
        )
        for name, count, end in zip(head["t_names"], counts, ends, strict=True)
    }


def _worn(head: dict[str, NDArray[Any]], name: str) -> Worn:
    def part(key: str) -> NDArray[Any]:
        return head[f"p_{name}_{key}"]

    hides = head.get(f"p_{name}_hide", np.zeros(0, np.int64))
    return Worn(
        name=name,
        refs=part("ref").astype(np.int64),
        weights=part("w"),
        offsets=part("off"),
        spans=part("scale"),
        uv=part("uv"),
        uv_owner=part("vi").astype(np.int64),
        triangles=part("F").astype(np.int32),
        hides=hides.astype(np.int64),
    )


def _modes(path: Path) -> tuple[Numbers, Array] | None:
    if not path.exists():
        return None
    file = _arrays(path)
    return file["act"].astype(np.int64), file["qi"].astype(np.float32) * file["si"]


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise MediaError(
            f"{path}: there is no such file; name the folder of assets with --assets"
        ) from error
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise MediaError(f"{path}: damaged; copy it again ({error})") from error


def _mask(path: Path) -> Array:
    return _read(path, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


def _picture(path: Path) -> Image:
    read = _read(path, cv2.IMREAD_UNCHANGED)
    if read.ndim == 3 and read.shape[2] == 4:
        return np.ascontiguousarray(read[..., [2, 1, 0, 3]])
    full = np.full(read.shape[:2], 255, np.uint8)
    return np.dstack([read[..., ::-1], full]) if read.ndim == 3 else np.dstack([read] * 3 + [full])


def _read(path: Path, how: int) -> Image:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); copy it again") from error
    try:
        read = cv2.imdecode(data, how)
    except cv2.error:
        read = None
    if read is None:
        raise MediaError(f"{path}: the picture is damaged; copy it again")
    return read.astype(np.uint8)
