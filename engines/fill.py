"""Texture of the picture, with fill for cheeks that turn into view (see `engines.unfold`)."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from engines.geometry import POINTS, Array, Index, Pose, euler_deg
from engines.layers import pushed
from engines.mesh import Mesh
from engines.subdivide import face_mesh
from engines.unfold import trust_of, unfolded
from engines.vision import Image, blurred, dilated, disc, eroded, fill_convex, square

_REST = 0.03
"""How far skin may reach beyond the outline of its landmarks, in face widths."""
_BORDER = 0.15
"""How far beyond the picture's border there is something to show, in its longer side."""


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of the texture, with the side of the face (-1 left, 1 right) it belongs to."""

    rows: slice
    columns: slice
    side: int


@dataclass(frozen=True, slots=True)
class Atlas:
    """Texture, and the mesh as drawn: vertices are doubled where photo changes to fill."""

    texture: Image
    """(H, W, 4) premultiplied: the picture, what is around the face, the face from the front"""
    filled: Image
    """the same with the hidden parts of the cheeks filled in"""
    parts: tuple[Part, ...]
    """where the two differ"""
    uv: Array
    """(V', 2) texture pixels"""
    source: Index
    """(V',) the control vertex each drawn vertex follows"""
    triangles: Index
    turned: float
    """0 for a photo from the front, 1 where it hides a cheek"""


def atlas(texture: Image, uv: Array, mesh: Mesh, pose: Pose) -> Atlas:
    """The texture with its fill.

    `texture` is premultiplied, `uv` (V, 2) the place of each control vertex in it, `pose` the
    head's in the photo.
    """
    trust = trust_of(mesh, pose)
    turned = float(trust.far.max(initial=0))
    own, filled, places = unfolded(texture, uv, mesh, trust)
    around = _without_face(texture, uv, mesh) if turned > 0 else texture
    sheet, starts = _stacked([texture, texture, own])
    full, _ = _stacked([texture, around, filled])
    skin = np.zeros(len(mesh.triangles), bool)
    skin[-len(face_mesh().skin) :] = True
    outer = ~skin
    outer[: mesh.holes] = False
    count = np.arange(len(uv), dtype=np.int32)
    parts = _halves(starts[2], own.shape, float(places[4, 0]))
    if turned > 0:
        far = -1 if euler_deg(pose.rotation)[0] > 0 else 1
        parts += (replace(_whole(starts[1], texture.shape), side=far),)
    drawn = Atlas(sheet, full, parts, uv + starts[0], count, mesh.triangles.copy(), turned)
    drawn = _redirected(drawn, outer, uv + starts[1])
    grazing = skin & (trust.hidden[mesh.triangles] > 0).any(1)
    return _redirected(drawn, grazing, places + starts[2])


def _whole(start: Array, shape: tuple[int, ...]) -> Part:
    """An image of this shape that begins at `start` in the sheet."""
    x, y = (int(v) for v in start)
    return Part(slice(y, y + shape[0]), slice(x, x + shape[1]), 0)


def _halves(start: Array, shape: tuple[int, ...], middle: float) -> tuple[Part, ...]:
    """The left and the right part of such an image."""
    whole = _whole(start, shape)
    cut = whole.columns.start + int(np.clip(round(middle), 1, shape[1] - 1))
    left = replace(whole, columns=slice(whole.columns.start, cut), side=-1)
    return left, replace(whole, columns=slice(cut, whole.columns.stop), side=1)


def _stacked(images: list[Image]) -> tuple[Image, list[Array]]:
    """One image with all of them below each other, and where each begins (x, y).

    Each goes on beyond its border as its outermost pixels, for what a turn of the head brings in
    from there: hair that the picture cuts off goes on, background stays background.
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
        rows.append(np.asarray(cv2.copyMakeBorder(image, *border, cv2.BORDER_REPLICATE), np.uint8))
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
    return replace(
        drawn,
        uv=np.ascontiguousarray(np.concatenate([drawn.uv, places[again]]).astype(np.float32)),
        source=np.concatenate([drawn.source, again.astype(np.int32)]),
        triangles=triangles,
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
