"""The cheek that the photo hides, filled from the other half for when it turns into view."""

from dataclasses import dataclass

import cv2
import numpy as np

from engines.geometry import POINTS, Array, Index, Pose, canonical, euler_deg
from engines.layers import pushed
from engines.mesh import Mesh
from engines.raster import rasterise
from engines.subdivide import face_mesh
from engines.vision import Image, blurred, dilated, disc, eroded, fill_convex, remapped, square

_SEEN = (0.3, 0.6)
"""Cosine of the angle to the viewer: hidden below the first figure, good above the second."""
_GAIN = 0.15, 0.4
"""How much better the other half must be seen, in the same measure."""
_REST = 0.03
"""How far skin may reach beyond the outline of its landmarks, in face widths."""
_BORDER = 0.15
"""How far beyond the picture's border there is something to show, in its longer side."""
_TURNED_DEG = 8.0, 14.0
"""Turn of the head in the photo: nothing is hidden below, the rules above hold fully beyond."""
_LIGHT = 0.4
"""Greatest logarithm of the difference in brightness between the halves that is believed."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """Texture, and the mesh as drawn: vertices are doubled where photo changes to fill."""

    texture: Image
    """(H, W, 4) premultiplied: the picture, what is around the face, the face from the front"""
    filled: Image | None
    """the same with the hidden cheek filled in; None where the photo hides nothing"""
    uv: Array
    """(V', 2) texture pixels"""
    source: Index
    """(V',) the control vertex each drawn vertex follows"""
    triangles: Index


def atlas(texture: Image, uv: Array, mesh: Mesh, pose: Pose) -> Atlas:
    """The texture with its fill. A face seen from the front needs none.

    `texture` is premultiplied, `uv` (V, 2) the place of each control vertex in it, `pose` the
    head's in the photo.
    """
    count = len(uv)
    hidden = _hidden(mesh, pose)
    if hidden.max(initial=0) < 0.5:
        return Atlas(texture, None, uv, np.arange(count, dtype=np.int32), mesh.triangles)
    own, filled, places = _unfolded(texture, uv, mesh, hidden)
    sheet, starts = _stacked([texture, texture, own])
    full, _ = _stacked([texture, _without_face(texture, uv, mesh), filled])
    skin = np.zeros(len(mesh.triangles), bool)
    skin[-len(face_mesh().skin) :] = True
    outer = ~skin
    outer[: mesh.holes] = False
    drawn = Atlas(
        sheet, full, uv + starts[0], np.arange(count, dtype=np.int32), mesh.triangles.copy()
    )
    drawn = _redirected(drawn, outer, uv + starts[1])
    turned = skin & (hidden[mesh.triangles] > 0).any(1)
    return _redirected(drawn, turned, places + starts[2])


def _stacked(images: list[Image]) -> tuple[Image, list[Array]]:
    """One image with all of them below each other, and where each begins (x, y).

    Each goes on beyond its border as its own mirror image, for what a turn of the head brings in
    from there.
    """
    margin = round(_BORDER * max(images[0].shape[:2]))
    width = max(image.shape[1] for image in images) + 2 * margin
    rows: list[Image] = []
    starts: list[Array] = []
    y = 0
    for image in images:
        starts.append(np.array([margin, y + margin], np.float32))
        right = width - image.shape[1] - margin
        border = (margin, margin, margin, right)
        rows.append(np.asarray(cv2.copyMakeBorder(image, *border, cv2.BORDER_REFLECT), np.uint8))
        y += rows[-1].shape[0]
    return np.concatenate(rows), starts


def _redirected(
    drawn: Atlas, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]], places: Array
) -> Atlas:
    """Give the chosen triangles their colours from `places` (V, 2); their vertices are doubled."""
    again = np.unique(drawn.triangles[chosen])
    number = np.full(len(places), -1, np.int32)
    number[again] = len(drawn.uv) + np.arange(len(again), dtype=np.int32)
    triangles = drawn.triangles.copy()
    triangles[chosen] = number[triangles[chosen]]
    return Atlas(
        drawn.texture,
        drawn.filled,
        np.ascontiguousarray(np.concatenate([drawn.uv, places[again]]).astype(np.float32)),
        np.concatenate([drawn.source, again.astype(np.int32)]),
        triangles,
    )


def _without_face(texture: Image, uv: Array, mesh: Mesh) -> Image:
    """What lies around the face, continued where the far cheek bulges over its own outline."""
    shape = (texture.shape[0], texture.shape[1])
    skin = np.concatenate([face_mesh().skin, face_mesh().holes])
    outer = mesh.triangles[mesh.holes : -len(face_mesh().skin)]
    bulge = _footprint(uv, skin, shape) & _footprint(uv, outer, shape)
    face_px = float(np.ptp(uv[:POINTS, 1])) / float(np.ptp(mesh.points[:POINTS, 1]))
    bulge = dilated(eroded(bulge, square(3)), square(3))
    reach = 2 * max(1, round(_REST * face_px)) + 1
    bulge = dilated(bulge, disc(reach))
    face = dilated(_footprint(uv, skin, shape), square(3))
    known = ((bulge == 0) & (face == 0)).astype(np.float32)
    continued = pushed(texture.astype(np.float32), known)
    soft = blurred(bulge.astype(np.float32), 1.0)[..., None]
    return np.clip(texture + (continued - texture) * soft + 0.5, 0, 255).astype(np.uint8)


def _footprint(uv: Array, triangles: Index, shape: tuple[int, int]) -> Image:
    """(H, W) 1 where any of the triangles lies."""
    mask = np.zeros(shape, np.uint8)
    for triangle in np.round(uv[triangles]).astype(np.int32):
        fill_convex(mask, triangle)
    return mask


def _step(x: Array, low: float, high: float) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _mirrored(values: Array) -> Array:
    """Values of the face's points (468, ...) on the fine mesh, from the other half of the face."""
    return np.asarray(face_mesh().weights @ values[canonical().mirror], np.float32)


def _hidden(mesh: Mesh, pose: Pose) -> Array:
    """(V,) 0-1: how much of each vertex the photo hides while it shows its mirror image."""
    fine = face_mesh()
    points = mesh.points[: fine.weights.shape[0]]
    turned = points @ pose.rotation.T
    a, b, c = (turned[fine.skin[:, i]] for i in range(3))
    normals = np.zeros_like(turned)
    face = np.cross(b - a, c - a)
    for i in range(3):
        np.add.at(normals, fine.skin[:, i], face)
    facing: Array = -normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    facing *= np.sign(np.median(facing))
    other = _mirrored(facing[:POINTS].astype(np.float32))
    yaw = np.array(abs(euler_deg(pose.rotation)[0]), np.float32)
    turned = _step(yaw, *_TURNED_DEG)
    hidden = turned * (1 - _step(facing, *_SEEN)) * _step(other - facing, *_GAIN)
    return np.concatenate([hidden, np.zeros(len(mesh.points) - len(points), np.float32)])


def _unfolded(texture: Image, uv: Array, mesh: Mesh, hidden: Array) -> tuple[Image, Image, Array]:
    """The face from the front, as it is and with its hidden part filled; each vertex' place."""
    inner = face_mesh().weights.shape[0]
    scale = float(np.ptp(uv[:POINTS, 1])) / float(np.ptp(mesh.points[:POINTS, 1]))
    low = mesh.points[:inner, :2].min(0)
    places = ((mesh.points[:, :2] - low) * scale + 4).astype(np.float32)
    size = np.ceil(places[:inner].max(0)).astype(int) + 5
    vertices = np.column_stack([places, mesh.points[:, 2] * scale]).astype(np.float32)[None]
    skin = mesh.triangles[-len(face_mesh().skin) :]

    def drawn(attribute: Array) -> Array:
        out = np.zeros((1, size[1], size[0], 2), np.float32)
        rasterise(
            np.ascontiguousarray(vertices),
            skin,
            attribute,
            0,
            out,
            np.zeros(out.shape[1:3], np.float32),
        )
        return out[0]

    def sampled(attribute: Array) -> Array:
        return remapped(texture, drawn(attribute)).astype(np.float32)

    mirrored_uv = np.zeros_like(uv)
    mirrored_uv[:inner] = _mirrored(uv[:POINTS])
    share = drawn(np.column_stack([hidden, hidden]).astype(np.float32))[..., :1]
    light = np.zeros((len(uv), 2), np.float32)
    light[:, 0] = mesh.points[:, 0]
    slope = _light_slope(texture, uv, mesh, hidden)
    gain = np.exp(np.clip(drawn(light)[..., :1] * slope, -_LIGHT, _LIGHT))
    own, other = sampled(uv), sampled(mirrored_uv)
    other[..., :3] *= 255 / np.maximum(other[..., 3:], 16)
    other[..., :3] *= gain
    share = np.maximum(share, 1 - np.clip(own[..., 3:] / 200, 0, 1))
    mixed = own + (other - own) * share
    inside = (drawn(np.ones_like(uv))[..., 0] > 0).astype(np.float32)
    faces = [pushed(face, inside) for face in (own, mixed)]
    faces[1][..., 3] = 255
    plain, filled = (np.clip(face + 0.5, 0, 255).astype(np.uint8) for face in faces)
    return plain, filled, places


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
