"""The face seen from the front, with what the photo hides or shows at a grazing angle filled.

A hidden cheek takes the colours of the other half of the face where the photo shows that well;
elsewhere the skin beside it goes on.
"""

from dataclasses import dataclass

import numpy as np

from engines.geometry import POINTS, Array, Pose, canonical, euler_deg
from engines.layers import pushed
from engines.mesh import Mesh
from engines.raster import rasterise
from engines.subdivide import face_mesh
from engines.vision import Image, blurred, dilated, eroded, remapped, square

_CRACK_PX = 5
"""Width up to which a gap between skin and fill is closed."""
_SEEN_FRONT, _SEEN_TURNED = (0.08, 0.3), (0.3, 0.6)
"""Cosine of the angle to the viewer: hidden below the first figure, good above the second. For
the cheeks in a photo from the front, and for the far one of a turned head."""
_RIM = 0.33, 0.40
"""Distance from the face's middle line, in face widths, where its rim begins."""
_GAIN = 0.15, 0.4
"""How much better the other half must be seen, in the same measure, to lend its colours."""
_LENDS = 0.3, 0.5
"""How well it must be seen for that at all."""
_TURNED_DEG = 8.0, 14.0
"""Turn of the head in the photo: nothing is hidden below, the rules above hold fully beyond."""
_LIGHT = 0.4
"""Greatest logarithm of the difference in brightness between the halves that is believed."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the photo is worth at each vertex, (V,) 0-1 each."""

    hidden: Array
    """how much the photo hides it"""
    lent: Array
    """how well its mirror image stands in"""
    far: Array
    """whether it lies on the far half of a turned head"""


def trust_of(mesh: Mesh, pose: Pose) -> Trust:
    """Judge each vertex by the angle at which the photo shows it."""
    fine = face_mesh()
    points = mesh.points[: fine.weights.shape[0]]
    facing = _facing(points @ pose.rotation.T)
    other = _mirrored(facing[:POINTS])
    x = np.asarray(fine.weights @ canonical().points[:, 0], np.float32)
    yaw = np.float32(euler_deg(pose.rotation)[0])
    far = _step(np.abs(yaw), *_TURNED_DEG) * _step(-np.sign(yaw) * x, -0.03, 0.03)
    rim = np.maximum(far, _step(np.abs(x), *_RIM))
    front, side = 1 - _step(facing, *_SEEN_FRONT), 1 - _step(facing, *_SEEN_TURNED)
    hidden = rim * (front + far * (side - front))
    lent = far * _step(other - facing, *_GAIN) * _step(other, *_LENDS)
    outside = np.zeros(len(mesh.points) - len(points), np.float32)
    whole = [np.concatenate([p, outside]).astype(np.float32) for p in (hidden, lent, far)]
    return Trust(*whole)


def _step(x: Array | np.float32, low: float, high: float) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _mirrored(values: Array) -> Array:
    """Values of the face's points (468, ...) on the fine mesh, from the other half of the face."""
    return np.asarray(face_mesh().weights @ values[canonical().mirror], np.float32)


def _facing(turned: Array) -> Array:
    """(N,) cosine of the angle between the fine mesh's normals and the direction to the viewer."""
    skin = face_mesh().skin
    a, b, c = (turned[skin[:, i]] for i in range(3))
    normals = np.zeros_like(turned)
    face = np.cross(b - a, c - a)
    for i in range(3):
        np.add.at(normals, skin[:, i], face)
    facing: Array = -normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    return (facing * np.sign(np.median(facing))).astype(np.float32)


class _Unfolding:
    """The mesh drawn from the front, in pixels of the texture's own scale."""

    def __init__(self, uv: Array, mesh: Mesh) -> None:
        inner = face_mesh().weights.shape[0]
        scale = float(np.ptp(uv[:POINTS, 1])) / float(np.ptp(mesh.points[:POINTS, 1]))
        low = mesh.points[:inner, :2].min(0)
        self.places: Array = ((mesh.points[:, :2] - low) * scale + 4).astype(np.float32)
        size = np.ceil(self.places[:inner].max(0)).astype(int) + 5
        self._shape = (int(size[1]), int(size[0]))
        depth = mesh.points[:, 2] * scale
        flat = np.column_stack([self.places, depth]).astype(np.float32)
        self._vertices: Array = np.ascontiguousarray(flat[None])
        self._skin = mesh.triangles[-len(face_mesh().skin) :]

    def drawn(self, values: Array) -> Array:
        """(h, w, 2) values (V, 2) or (V,) of the vertices, interpolated; 0 outside the face."""
        if values.ndim == 1:
            values = np.column_stack([values, values]).astype(np.float32)
        out = np.zeros((1, *self._shape, 2), np.float32)
        depth = np.zeros(self._shape, np.float32)
        rasterise(self._vertices, self._skin, values.astype(np.float32), 0, out, depth)
        return out[0]


def unfolded(texture: Image, uv: Array, mesh: Mesh, trust: Trust) -> tuple[Image, Image, Array]:
    """The face from the front, as it is and with its hidden parts filled; each vertex' place."""
    view = _Unfolding(uv, mesh)
    own = remapped(texture, view.drawn(uv)).astype(np.float32)
    other = _other_half(texture, uv, mesh, view, trust)
    hidden = view.drawn(trust.hidden)[..., :1]
    hidden = np.maximum(hidden, 1 - np.clip((own[..., 3:] - 190) / 60, 0, 1))
    good = view.drawn(trust.lent)[..., :1]
    known = 1 - hidden * (1 - good)
    mixed = (_solid(own) * (1 - hidden) + other * hidden * good) / np.maximum(known, 1e-6)
    inside = (view.drawn(np.ones(len(uv), np.float32))[..., 0] > 0).astype(np.float32)
    plain = pushed(own, inside)
    filled = pushed(mixed, inside * known[..., 0] ** 2)
    far = view.drawn(trust.far)[..., :1]
    cover = np.clip(np.maximum(plain[..., 3:] / 255, np.maximum(far, hidden)), 0, 1)
    thin = square(_CRACK_PX)
    cover = eroded(dilated(cover.astype(np.float32), thin), thin)[..., None]
    filled = np.dstack([filled[..., :3] * cover, cover * 255]).astype(np.float32)
    return _bytes(plain), _bytes(filled), view.places


def _bytes(values: Array) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def _solid(premultiplied: Array) -> Array:
    """Colours freed from their matte."""
    return (premultiplied / np.maximum(premultiplied[..., 3:] / 255, 0.06)).astype(np.float32)


def _other_half(texture: Image, uv: Array, mesh: Mesh, view: _Unfolding, trust: Trust) -> Array:
    """(h, w, 4) the mirror image of the face, in the light of the half it shall stand in for."""
    mirrored = np.zeros_like(uv)
    inner = face_mesh().weights.shape[0]
    mirrored[:inner] = _mirrored(uv[:POINTS])
    other = _solid(remapped(texture, view.drawn(mirrored)).astype(np.float32))
    across = view.drawn(mesh.points[:, 0])[..., :1]
    slope = _light_slope(texture, uv, mesh, trust.hidden)
    gain = np.exp(np.clip(across * slope, -_LIGHT, _LIGHT)).astype(np.float32)
    return np.dstack([other[..., :3] * gain, other[..., 3:]])


def _light_slope(texture: Image, uv: Array, mesh: Mesh, hidden: Array) -> Array:
    """(3,) slope over x of log(a point's colour / its mirror image's): light from one side."""
    soft = blurred(texture[..., :3].astype(np.float32), 3) + 8
    at = np.clip(np.round(uv[:POINTS]).astype(int), 0, [texture.shape[1] - 1, texture.shape[0] - 1])
    colour = np.log(soft[at[:, 1], at[:, 0]])
    ratio = colour - colour[canonical().mirror]
    x = mesh.points[:POINTS, 0]
    both = (hidden[:POINTS] + hidden[canonical().mirror] < 0.02) & (np.abs(x) > 0.03)
    if both.sum() < 20:
        return np.zeros(3, np.float32)
    slope = np.median(ratio[both] / (2 * x[both, None]), 0) * 2
    return np.asarray(slope, np.float32)
