"""The control mesh over the whole picture, and how each part of it follows the head.

The face is MediaPipe's mesh, finer. Around it a triangulated grid continues it without a seam, over
hair, neck and shoulders. Every vertex has a place in the head frame, a share in the turn of the
head, and weights by which the displacements of face points reach it.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, spatial
from scipy.sparse import linalg

from engines.geometry import POINTS, Array, Floats, Index, Pose, canonical
from engines.subdivide import Weights, face_mesh

_sparse, _spatial, _linalg = cast("Any", sparse), cast("Any", spatial), cast("Any", linalg)


@dataclass(frozen=True, slots=True)
class Proxy:
    """The shape assumed without landmarks, in face widths.

    Half-way to what tools/fit_proxy.py finds on clips: at its very optimum hair stands still.
    """

    back: float = 0.18
    """depth of the outline of hair and skull"""
    slope: float = 0.7
    """distance from the face's edge within which depth falls to `back`"""
    up: float = 1.4
    """where, above and beside the head, nothing turns with it any more"""
    side: float = 0.85
    neck: float = 0.5
    """the same down the neck"""
    firm: float = 0.08
    """distance from the face's edge up to which everything turns fully"""
    reach: float = 0.13
    """distance over which the skin around the face follows its expression"""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Control mesh of one portrait: first the face (see `FaceMesh`), then the grid around it."""

    points: Array
    """(V, 3) rest place of each vertex in the head frame: where the picture's own pixels are"""
    triangles: Index
    """(F, 3) holes first: they lie behind everything else"""
    holes: int
    """how many of the triangles span eyes and mouth"""
    head: Array
    """(V,) share in the turn of the head, 0 at the shoulders and far away, 1 on the face"""
    weights: Weights
    """(V, 468) share in the displacement of each face point"""


def build_mesh(face: Array, pose: Pose, size: tuple[int, int], proxy: Proxy | None = None) -> Mesh:
    """The mesh of a portrait.

    `face` (468, 3) is in the head frame, `pose` puts it into the picture, `size` is the picture's
    (width, height).
    """
    proxy = proxy or Proxy()
    fine = face_mesh()
    inner = (fine.weights @ face).astype(np.float32)
    flat = pose.to_picture(inner)[:, :2]
    outline = flat[fine.oval]
    grid = _grid(outline, size, pose.scale)
    around, outer_triangles = _triangulate(fine.oval, len(inner), outline, grid)
    frame = _Frame(outline, pose, proxy)
    depth = frame.depth(grid, inner[fine.oval, 2])
    outer = _to_head(grid, depth, pose)
    follow = _follow(
        inner.shape[0], fine.oval, around, outer_triangles, grid, flat, pose.scale * proxy.reach
    )
    return Mesh(
        points=np.concatenate([inner, outer]),
        triangles=np.concatenate([fine.holes, outer_triangles, fine.skin]),
        holes=len(fine.holes),
        head=np.concatenate([np.ones(len(inner), np.float32), frame.head_share(grid)]),
        weights=_sparse.vstack([fine.weights, follow @ fine.weights]).tocsr().astype(np.float32),
    )


def _to_head(flat: Array, depth: Array, pose: Pose) -> Array:
    """Head-frame points that lie at these pixels (N, 2) with this head-frame depth (N,)."""
    r = pose.rotation
    place = (flat - pose.translation[:2]) / pose.scale
    rest = place - np.outer(depth, r[:2, 2])
    xy = np.linalg.solve(r[:2, :2], rest.T).T
    return np.column_stack([xy, depth]).astype(np.float32)


def _grid(outline: Array, size: tuple[int, int], face_px: float) -> Array:
    """Points around the face, denser near it, reaching a quarter beyond the picture's border."""
    width, height = size
    margin = 0.25 * max(width, height)
    points: list[Array] = []
    tree = _spatial.cKDTree(outline)
    for step, near, far in ((0.055, 0.0, 0.35), (0.09, 0.35, 1.1), (0.22, 1.1, 1e9)):
        pitch = max(step * face_px, max(width, height) / 160)
        xs = np.arange(-margin, width + margin + pitch, pitch)
        ys = np.arange(-margin, height + margin + pitch, pitch)
        lattice = np.stack(np.meshgrid(xs, ys), -1)
        lattice[1::2, :, 0] += pitch / 2
        flat = lattice.reshape(-1, 2)
        away = tree.query(flat)[0] / face_px
        keep = (away >= max(near, 0.6 * step)) & (away < far) & ~_inside(flat, outline)
        points.append(flat[keep])
    border = np.array(
        [
            [-margin, -margin], [width + margin, -margin],
            [-margin, height + margin], [width + margin, height + margin],
        ]
    )  # fmt: skip
    return np.concatenate([*points, border]).astype(np.float32)


def _inside(points: Array, outline: Array) -> NDArray[np.bool_]:
    """Which points lie inside a closed polygon (even-odd rule)."""
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), bool)
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, -1, 0), strict=True):
        crosses = (ay > y) != (by > y)
        at = ax + (y - ay) * (bx - ax) / (by - ay if by != ay else 1e-9)
        inside ^= crosses & (x < at)
    return inside


def _triangulate(oval: Index, inner: int, outline: Array, grid: Array) -> tuple[Index, Index]:
    """Triangles between the face's outline and the grid, in vertex numbers of the whole mesh."""
    numbers = np.concatenate([oval, inner + np.arange(len(grid), dtype=np.int32)])
    places = np.concatenate([outline, grid])
    triangles = _spatial.Delaunay(places).simplices
    centre = places[triangles].mean(1).astype(np.float32)
    keep = ~_inside(centre, outline)
    return numbers, numbers[triangles[keep]].astype(np.int32)


def _follow(
    inner: int,
    oval: Index,
    numbers: Index,
    triangles: Index,
    grid: Array,
    flat: Array,
    reach_px: float,
) -> Weights:
    """(grid, inner) weights by which the outline's displacement reaches the grid.

    Screened harmonic: solves (L + M / reach^2) w = 0 with the outline's own displacement on the
    outline, so that it fades like exp(-distance / reach). L is the cotangent Laplacian of the
    triangles, M their lumped areas.
    """
    places = np.concatenate([flat[oval], grid]).astype(np.float64)
    local = np.full(int(numbers.max()) + 1, -1)
    local[numbers] = np.arange(len(numbers))
    system: Any = _system(places, local[triangles], reach_px)
    n = len(oval)
    solved = _linalg.splu(system[n:, n:]).solve(-system[n:, :n].toarray())
    solved[np.abs(solved) < 1e-3] = 0
    block = _sparse.csr_matrix(solved.astype(np.float32))
    spread = _sparse.csr_matrix((np.ones(n, np.float32), (np.arange(n), oval)), shape=(n, inner))
    return block @ spread


def _system(places: Floats, triangles: NDArray[np.integer[Any]], reach_px: float) -> Weights:
    """L + M / reach^2: cotangent Laplacian (positive semi-definite) and each point's area."""
    n = len(places)
    stiffness = _sparse.csr_matrix((n, n))
    mass = np.zeros(n)
    a, b, c = (places[triangles[:, i]] for i in range(3))
    area = np.abs(np.cross(b - a, c - a)) / 2
    area = np.maximum(area, 1e-9)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        p, q, r = places[triangles[:, i]], places[triangles[:, j]], places[triangles[:, k]]
        cot = np.clip(((q - p) * (r - p)).sum(1) / (2 * area), 0.01, 20) / 2
        rows = np.concatenate([triangles[:, j], triangles[:, k]])
        columns = np.concatenate([triangles[:, k], triangles[:, j]])
        stiffness += _sparse.csr_matrix((np.tile(-cot, 2), (rows, columns)), shape=(n, n))
        np.add.at(mass, triangles[:, i], area / 3)
    diagonal = -np.asarray(stiffness.sum(1)).ravel()
    laplacian = (stiffness + _sparse.diags(diagonal)).tocsr()
    return (laplacian + _sparse.diags(mass / reach_px**2 + 1e-9)).tocsc()


class _Frame:
    """Distances from the face's outline, measured along the head's own axes."""

    def __init__(self, outline: Array, pose: Pose, proxy: Proxy) -> None:
        self._tree: Any = _spatial.cKDTree(outline)
        self._outline, self._pose, self._proxy = outline, pose, proxy
        self._down = pose.rotation[:2, 1] / max(float(np.linalg.norm(pose.rotation[:2, 1])), 1e-6)

    def depth(self, points: Array, oval_depth: Array) -> Array:
        """(N,) head-frame depth, falling from the nearest part of the face's edge to `back`."""
        away, nearest = self._tree.query(points, k=6)
        weight = 1 / (away + 0.01 * self._pose.scale) ** 2
        edge = (oval_depth[nearest] * weight).sum(1) / weight.sum(1)
        t = np.clip(away[:, 0] / self._pose.scale / self._proxy.slope, 0, 1)
        fall = t * (2 - t)
        return (edge + (self._proxy.back - edge) * fall).astype(np.float32)

    def head_share(self, points: Array) -> Array:
        """(N,) share in the turn of the head: firm near the face, fading with the distance."""
        away, nearest = self._tree.query(points)
        unit = self._pose.scale
        direction = points - self._outline[nearest]
        length = np.maximum(np.linalg.norm(direction, axis=1), 1e-6)
        down = (direction @ self._down) / length
        below = np.clip(
            ((points - self._pose.to_picture(canonical().points[[152]])[0, :2]) @ self._down) / unit
            + 0.3,
            0,
            1,
        )
        sink = np.clip(np.maximum(down, 0) ** 2 + below * 1.5, 0, 1)
        lift = np.maximum(-down, 0) ** 2
        p = self._proxy
        reach = p.side + lift * (p.up - p.side) + sink * (p.neck - p.side)
        firm = p.firm + (1 - sink) * 0.35
        t = np.clip(
            (away / unit - firm * (1 - sink)) / np.maximum(reach - firm * (1 - sink), 1e-3), 0, 1
        )
        return (1 - t * t * (3 - 2 * t)).astype(np.float32)


def deform(
    mesh: Mesh, displacement: Array, rest: Pose, target: tuple[Array, Array, Array]
) -> Array:
    """(B, V, 3) picture coordinates of the moved mesh.

    `displacement` (B, 468, 3) of the face points in the head frame; `rest` is the pose in the
    photo, `target` the rotations (B, 3, 3), translations (B, 3) and scales (B,) that the head
    shall have.
    """
    batch = len(displacement)
    columns = displacement.transpose(1, 0, 2).reshape(POINTS, batch * 3)
    moved = (mesh.weights @ columns).reshape(-1, batch, 3).transpose(1, 0, 2) + mesh.points
    rotation, translation, scale = target
    turned = moved @ rotation.transpose(0, 2, 1) * scale[:, None, None] + translation[:, None]
    still = moved @ rest.rotation.T * rest.scale + rest.translation
    return (still + mesh.head[:, None] * (turned - still)).astype(np.float32)
