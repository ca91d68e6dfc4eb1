"""The canonical face, the names of its points, and rigid pose.

Head frame used throughout: x to the picture's right, y down, z away from the viewer, in face widths
(the distance of points 234 and 454 of the canonical face, 15.3 cm), origin between the ears at eye
height.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Index = NDArray[np.int32]

FACE_WIDTH_CM = 15.33
"""Distance of points 234 and 454 of the canonical face."""

VIEW_DEG = 63.0
"""Vertical angle of view of a usual webcam, where none is known; that of MediaPipe's geometry."""

POINTS = 468
"""Points of the face mesh; the ten after them are the irises."""

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face, clockwise from the top of the forehead."""

# The pictures's left eye, outer to inner corner. The right eye is its mirror image.
_EYE_UPPER = (246, 161, 160, 159, 158, 157, 173)
_EYE_LOWER = (7, 163, 144, 145, 153, 154, 155)
_EYE_CORNERS = (33, 133)
_EYE_UPPER_RING = (247, 30, 29, 27, 28, 56, 190)
_EYE_LOWER_RING = (25, 110, 24, 23, 22, 26, 112)
_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)

LIP_UPPER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
"""Upper inner lip, the picture's left to right, without the corners."""
LIP_LOWER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""Lower inner lip, pairwise under `LIP_UPPER`."""
LIP_CORNERS = (78, 308)
"""Inner corners of the mouth."""
LIP_RINGS_UPPER = (
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
)
"""Rows of the upper lip from the inner rim to the outer one, aligned with `LIP_UPPER`."""
LIP_RINGS_LOWER = (
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
)
"""Rows of the lower lip from the inner rim to the outer one, aligned with `LIP_LOWER`."""

IRISES = (468, 473)
"""Iris centres of the picture's left and right eye; four rim points follow each."""

# Points that hardly move with the expression (retargeting.md, section 2), and their weights.
_RIGID = (10, 67, 297, 54, 284, 127, 356, 6, 168, 197, 195, 4, 129, 358, 198, 420, 234, 454)
_RIGID_WEAK = (33, 263, 133, 362)
_WEAK = 0.3


@dataclass(frozen=True, slots=True)
class Canonical:
    """The average face of MediaPipe, in the head frame."""

    points: Array
    """(468, 3)"""
    triangles: Index
    """(898, 3), clockwise as seen by the viewer or the reverse, one disk without holes"""
    mirror: Index
    """(468,) the point on the other half of the face"""


@cache
def canonical() -> Canonical:
    """The canonical face; its file stands beside this module with its notice."""
    with np.load(Path(__file__).parent / "data" / "canonical_face.npz") as data:
        points = data["vertices"] * np.array([1, -1, -1], np.float32)
        width = float(np.linalg.norm(points[454] - points[234]))
        return Canonical(
            (points / width).astype(np.float32),
            data["triangles"].astype(np.int32),
            data["mirror"].astype(np.int32),
        )


@dataclass(frozen=True, slots=True)
class Eye:
    """Point numbers of one eye. Rows run from the outer to the inner corner."""

    upper: Index
    lower: Index
    corners: Index
    upper_ring: Index
    lower_ring: Index
    brow: Index
    iris: int

    @property
    def contour(self) -> Index:
        """The lid line, closed: outer corner, upper lid, inner corner, lower lid back."""
        return np.concatenate([self.corners[:1], self.upper, self.corners[1:], self.lower[::-1]])


@cache
def eyes() -> tuple[Eye, Eye]:
    """The picture's left and right eye."""
    rows = (_EYE_UPPER, _EYE_LOWER, _EYE_CORNERS, _EYE_UPPER_RING, _EYE_LOWER_RING, _BROW)
    left = [np.array(row, np.int32) for row in rows]
    right = [canonical().mirror[row] for row in left]
    return Eye(*left, iris=IRISES[0]), Eye(*right, iris=IRISES[1])


@cache
def lip_contour() -> Index:
    """The inner lip line, closed: left corner, upper lip, right corner, lower lip back."""
    return np.array([78, *LIP_UPPER, 308, *LIP_LOWER[::-1]], np.int32)


@dataclass(frozen=True, slots=True)
class Pose:
    """Weak-perspective pose: picture = scale * rotation @ head + translation."""

    rotation: Array
    """(3, 3)"""
    translation: Array
    """(3,) px; the place of the head frame's origin"""
    scale: float
    """px per face width"""

    def position_cm(self, size: tuple[int, int], view_deg: float = VIEW_DEG) -> Array:
        """(3,) place of the head before the camera, x right, y down, z away, in centimetres.

        `size` is the picture's (width, height), `view_deg` the camera's vertical angle of view. A
        face is taken to be as wide as the canonical one, as MediaPipe does.
        """
        focal_px = size[1] / 2 / np.tan(np.radians(view_deg) / 2)
        away = FACE_WIDTH_CM * focal_px / self.scale
        offset = self.translation[:2] - np.array(size, np.float32) / 2
        return np.array([*(offset * away / focal_px), away], np.float32)

    def to_head(self, points: Array) -> Array:
        """(N, 3) picture coordinates -> head frame."""
        return ((points - self.translation) @ self.rotation / self.scale).astype(np.float32)

    def to_picture(self, points: Array) -> Array:
        """(N, 3) head frame -> picture coordinates."""
        return (points @ self.rotation.T * self.scale + self.translation).astype(np.float32)


@cache
def rigid_weights() -> Array:
    """(468,) how much each point says about the pose."""
    weights = np.zeros(POINTS, np.float32)
    weights[list(_RIGID)] = 1
    weights[list(_RIGID_WEAK)] = _WEAK
    return weights


def fit_pose(landmarks: Array, reference: Array | None = None, rounds: int = 3) -> Pose:
    """The pose of a face against `reference` (468, 3) in the head frame, by default the canonical.

    Weighted Procrustes (Umeyama 1991, doi 10.1109/34.88573) on expression-stable points,
    re-weighted by Huber's rule with the threshold at 1.345 robust deviations, so that one point
    that moves after all does not tilt the head.
    """
    index = np.flatnonzero(rigid_weights())
    base = rigid_weights()[index].astype(np.float64)
    source = (canonical().points if reference is None else reference)[index].astype(np.float64)
    target = landmarks[index].astype(np.float64)
    weights = base
    rotation, translation, scale = np.eye(3), np.zeros(3), 1.0
    for _ in range(rounds):
        rotation, translation, scale = _umeyama(source, target, weights)
        fitted: Floats = scale * source @ rotation.T + translation
        error: Floats = np.linalg.norm(target - fitted, axis=1)
        threshold = 1.345 * max(1.4826 * float(np.median(error)), 1e-6 * scale)
        weights = base * np.minimum(1, threshold / np.maximum(error, 1e-9))
    return Pose(rotation.astype(np.float32), translation.astype(np.float32), float(scale))


def _umeyama(source: Floats, target: Floats, weights: Floats) -> tuple[Floats, Floats, float]:
    share = weights / weights.sum()
    mean_s, mean_t = share @ source, share @ target
    s, t = source - mean_s, target - mean_t
    spread: Floats = (t * share[:, None]).T @ s
    u, d, vt = np.linalg.svd(spread)
    sign: Floats = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u * sign @ vt
    scale = float((d * sign).sum() / (share @ (s * s).sum(1)))
    return rotation, mean_t - scale * rotation @ mean_s, scale


def rotation_vector(rotation: Array) -> Array:
    """(3, 3) -> (3,) axis times angle in radians (the logarithm; angles below pi)."""
    cosine = np.clip((np.trace(rotation) - 1) / 2, -1, 1)
    angle = float(np.arccos(cosine))
    skew = rotation - rotation.T
    axis = np.array([skew[2, 1], skew[0, 2], skew[1, 0]], np.float32) / 2
    sine = float(np.sin(angle))
    return axis if sine < 1e-6 else (axis * (angle / sine)).astype(np.float32)


def rotation_matrix(vector: Array) -> Array:
    """(3,) axis times angle in radians -> (3, 3) (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-8:
        return np.eye(3, dtype=np.float32)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix.astype(np.float32)


def euler_deg(rotation: Array) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of rotation = Rz(roll) Ry(yaw) Rx(pitch).

    In the head frame (y down, z away): yaw > 0 turns the nose to the left of the picture, pitch > 0
    lowers it, roll > 0 tilts the head clockwise in the picture.
    """
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def from_euler_deg(yaw: float, pitch: float, roll: float) -> Array:
    """The rotation whose `euler_deg` these are."""
    a, b, c = np.radians([yaw, pitch, roll])
    z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    y = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    return (np.array(z) @ np.array(y) @ np.array(x)).astype(np.float32)
