"""MediaPipe's 478 points on the mesh of a head.

`landmarks.npz` says of each point which vertices it is a mean of; `tools.heads.fit_landmarks` found
it. The vertices are those of the skin and of the eyeballs, which are the same for all people.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.errors import MediaError
from streamer.frame import Array, Landmarks
from tools.heads.camera import Camera
from tools.heads.parts import Part
from tools.heads.rig import Rig

FILE = Path(__file__).parent / "landmarks.npz"
COUNT, IRIS_POINTS = 478, 10


@dataclass(frozen=True, slots=True)
class Places:
    """Of what vertices each point is a mean."""

    which: NDArray[np.int64]
    """(478, k)"""
    weights: Array
    """(478, k), the sum of each row is 1"""


def load_places(path: Path = FILE) -> Places:
    """The places in a file. MediaError when it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Places(file["which"].astype(np.int64), file["weights"].astype(np.float32))
    except (OSError, KeyError, ValueError) as error:
        raise MediaError(f"{path}: cannot be read; fit it again ({error})") from error


def landmarks_of(places: Places, vertices: Array, camera: Camera, side: int) -> Landmarks:
    """(478, 3) the points in a frame whose vertices (n, 3) are px and 1/distance.

    As the detector tells them: z in px, away from the camera, from the middle of the face.
    """
    corner = vertices[places.which]
    share = places.weights / corner[..., 2]  # in space, not on the screen
    share = share / share.sum(1, keepdims=True)
    flat = (corner[..., :2] * share[..., None]).sum(1)
    far = 1 / (corner[..., 2] * share).sum(1)
    middle = float(far[:-IRIS_POINTS].mean())
    deep = (far - middle) * side / (2 * camera.zoom * middle)
    return np.column_stack([flat, deep]).astype(np.float32)


def candidates(rig: Rig) -> NDArray[np.int64]:
    """Vertices that may be part of a point: the visible skin and the eyeballs."""
    wanted = np.isin(rig.part, (Part.SKIN, Part.LIPS, Part.EYE, Part.MOUTH))
    return np.unique(rig.triangles[wanted]).astype(np.int64)
