"""The training-free generator moves the portrait's own pixels, eyes and mouth under the skin."""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engines.eyes import lid_texture
from engines.features import inside_lips, place_lids, place_lips
from engines.fill import atlas
from engines.geometry import POINTS, Pose, eyes
from engines.layers import Stroke, premultiplied
from engines.mesh import Mesh, Proxy, build_mesh, deform
from engines.raster import blend_over, rasterise, soften_breaks
from engines.subdivide import face_mesh
from streamer.config import GeneratorConfig
from streamer.frame import Array, Image, Motion
from streamer.generator.canvas import canvas_of, reduced
from streamer.generator.openings import Head, Openings
from streamer.generator.paint import paint
from streamer.generator.skin import Skin
from streamer.portrait import Portrait
from streamer.retarget.pose import NECK

_MOVING = 0.004
"""Share in the head's turn below which a vertex counts as still."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture is drawn on. It can be exchanged from one picture to the next."""

    still: Image
    """(height, width, 3) the picture at rest, of which the parts that never move are shown"""
    plate: Image
    """the background alone, of the part that moves"""
    silhouette: bool = False
    """the person is white, all over"""
    behind: Image | None = None
    """(height, width, 3) the other background; None = the photo's own"""


@dataclass(frozen=True, slots=True)
class Traced:
    """A motion as it will be drawn."""

    motion: Motion
    points: Array
    """(468, 3) of the face, in pixels of the picture"""
    places: Array
    """(h, w, 2) where in the texture each pixel of the part that moves comes from"""
    strokes: tuple[Stroke, ...]
    """eyes and mouth"""


class WarpGenerator:
    """Draws one portrait. What does not depend on the motion is made when it is opened.

    One picture is drawn at a time, in buffers that are used again: of several callers one draws
    and the others wait. What it is drawn on is not kept here, so that they may differ in it.
    """

    def __init__(
        self, config: GeneratorConfig, portrait: Portrait, proxy: Proxy | None = None
    ) -> None:
        canvas = canvas_of(config, portrait)
        self.portrait, self.canvas = portrait, canvas
        self._lock = threading.Lock()
        self._first: WarpGenerator | None = None
        self.width, self.height = canvas.width, canvas.height
        face, pose = portrait.points[:POINTS], portrait.pose
        self.mesh = build_mesh(face, pose, (portrait.width, portrait.height), proxy)
        self.openings = Openings(portrait, canvas)
        texture_scale = min(1.0, canvas.scale)
        self.rest = _at_rest(self.mesh, face, pose)
        """(V, 3) the vertices at rest, in pixels of the photo"""
        uv = np.ascontiguousarray((self.rest[:, :2] + 0.5) * texture_scale - 0.5)
        self.atlas = atlas(_texture(portrait, texture_scale), uv, self.mesh, pose)
        left, right = (lid_texture(self.atlas.texture, self.atlas.uv, eye) for eye in eyes())
        self._lids = (left, right)
        self.skin = Skin(self.atlas, self._lids)
        self.moving = self._moving_part()
        """rows and columns of the picture outside which nothing ever moves"""
        rows, columns = self.moving
        self._depth = np.zeros((self.height, self.width), np.float32)[rows, columns].copy()
        self._map = np.zeros((1, *self._depth.shape, 2), np.float32)
        still = canvas.shown(portrait.picture)
        self.original = Scene(still, self._visible_plate(still))
        """before the photo's own background"""
        self.scene = self.original
        """what is drawn on unless another one is asked for"""

    def twin(self) -> "WarpGenerator":
        """The same portrait with buffers of its own; what is only read is shared."""
        other = copy(self)
        vars(other).update(
            _first=self._first or self,  # lives as long as its twins: see Shelf
            _lock=threading.Lock(),
            skin=self.skin.anew(),
            _depth=np.zeros_like(self._depth),
            _map=np.zeros_like(self._map),
        )
        return other

    def _moving_part(self) -> tuple[slice, slice]:
        moving = self.canvas.place(self.rest[self.mesh.head > _MOVING])[:, :2]
        margin = 0.3 * self.portrait.pose.scale * self.canvas.scale
        low = np.floor(moving.min(0) - margin).astype(int)
        high = np.ceil(moving.max(0) + margin).astype(int)
        x0, y0 = (int(v) for v in np.maximum(low, 0))
        x1, y1 = min(int(high[0]), self.width), min(int(high[1]), self.height)
        return slice(y0, y1), slice(x0, x1)

    def on(self, behind: Image, *, silhouette: bool = False) -> Scene:
        """The scene of the person before another background (height, width, 3)."""
        person = white(self.at_rest) if silhouette else self.at_rest
        still = np.empty_like(behind)
        blend_over(person, behind, still)
        return Scene(still, np.ascontiguousarray(behind[self.moving]), silhouette, behind)

    @cached_property
    def at_rest(self) -> Image:
        """(height, width, 4) the person without background, premultiplied."""
        matte = self.canvas.shown(self.portrait.matte).astype(np.float32) / 255
        return premultiplied(self.canvas.shown(self.portrait.foreground), matte)

    def _visible_plate(self, still: Image) -> Image:
        """The plate where the head may uncover it, the picture itself where everything stays."""
        uv = np.column_stack([self.mesh.head, self.mesh.head]).astype(np.float32)
        out = np.zeros_like(self._map)
        self._rasterise(self.rest, uv[self.atlas.source], out, self._depth, self.moving)
        t = np.clip((out[0, ..., :1] - 0.02) / 0.1, 0, 1)
        share = t * t * (3 - 2 * t)
        own = still[self.moving].astype(np.float32)
        plate = self.canvas.shown(self.portrait.plate)[self.moving].astype(np.float32)
        return np.clip(own + (plate - own) * share + 0.5, 0, 255).astype(np.uint8)

    @cached_property
    def map_at_rest(self) -> Array:
        """(height, width, 2) where in the texture each pixel of the picture at rest comes from."""
        shape = (self.height, self.width)
        out, everywhere = np.zeros((1, *shape, 2), np.float32), (slice(None), slice(None))
        depth = np.zeros(shape, np.float32)
        self._rasterise(self.rest, self.atlas.uv, out, depth, everywhere)
        return out[0]

    def _rasterise(
        self, vertices: Array, uv: Array, out: Array, depth: Array, part: tuple[slice, slice]
    ) -> None:
        """Into `out`, whose first pixel is the first of this part of the picture."""
        begin = np.array([part[1].start or 0, part[0].start or 0, 0], np.float32)
        local = self.canvas.place(vertices) - begin
        drawn = np.ascontiguousarray(local[self.atlas.source][None])
        uv = np.ascontiguousarray(uv)
        rasterise(drawn, self.atlas.triangles, uv, self.mesh.holes, out, depth)

    def generate(self, motion: Motion, scene: Scene | None = None) -> Image:
        """One picture (height, width, 3). The array is the caller's."""
        return self.generate_batch([motion], scene)[0]

    def generate_batch(self, motions: Sequence[Motion], scene: Scene | None = None) -> list[Image]:
        """One picture per motion."""
        vertices, heads = self._deformed(motions)
        with self._lock:
            return [
                self.painted(self._traced(motion, points, head), scene)
                for motion, points, head in zip(motions, vertices, heads, strict=True)
            ]

    @contextmanager
    def traced(self, motion: Motion) -> Generator[Traced]:
        """The motion laid out; inside the block it may be painted, and nobody else draws."""
        (vertices,), (head,) = self._deformed([motion])
        with self._lock:
            yield self._traced(motion, vertices, head)

    def _deformed(self, motions: Sequence[Motion]) -> tuple[Array, list[Head]]:
        """Vertices (B, V, 3) in pixels of the photo, and each head."""
        portrait, pose = self.portrait, self.portrait.pose
        face = portrait.shut + np.stack([m.deltas for m in motions])
        apertures = np.array([m.aperture for m in motions], np.float32)
        face = place_lips(face, apertures * self.openings.mouth_width)
        own = portrait.points[:POINTS]
        face = place_lids(face, own, np.stack([m.openness for m in motions]))
        rotation = pose.rotation @ np.stack([m.rotation for m in motions])
        scale = pose.scale * np.array([m.scale for m in motions], np.float32)
        shift = np.pad(np.stack([m.translation for m in motions]), ((0, 0), (0, 1))) * pose.scale
        neck = pose.translation + pose.scale * pose.rotation @ NECK + shift
        translation = neck - scale[:, None] * (rotation @ NECK)
        rotation, translation = rotation.astype(np.float32), translation.astype(np.float32)
        vertices = deform(self.mesh, face - own, pose, (rotation, translation, scale))
        return vertices, list(zip(rotation, translation, map(float, scale), strict=True))

    def _traced(self, motion: Motion, vertices: Array, head: Head) -> Traced:
        self._rasterise(vertices, self.atlas.uv, self._map, self._depth, self.moving)
        self.skin.follow(motion)
        points = self.canvas.place(vertices[:POINTS])
        strokes = tuple(self.openings.strokes(points, motion, head, self._lids))
        return Traced(motion, points, self._map[0], strokes)

    def painted(self, traced: Traced, scene: Scene | None = None) -> Image:
        """The picture (height, width, 3) of what is traced just now. The array is the caller's."""
        scene = scene or self.scene
        picture = scene.still.copy()
        moving = picture[self.moving]
        texture = (self.skin.pixels, self.skin.empty)
        paint(*texture, traced.places, scene.plate, moving, white=scene.silhouette)
        soften_breaks(traced.places, moving)
        if not scene.silhouette:
            for stroke in traced.strokes:
                stroke.lay_over(picture)
        return picture


def _at_rest(mesh: Mesh, face: Array, pose: Pose) -> Array:
    """(V, 3) where the photo has the colours of each vertex, in picture coordinates."""
    rest = pose.to_picture(mesh.points)
    fine = face_mesh().weights
    rest[: fine.shape[0]] = pose.to_picture(fine @ inside_lips(face))
    return rest


def _texture(portrait: Portrait, scale: float) -> Image:
    """(h, w, 4) the person, premultiplied."""
    matte = reduced(portrait.matte, scale).astype(np.float32) / 255
    return premultiplied(reduced(portrait.foreground, scale), matte)


def white(person: Image) -> Image:
    """The same shape (h, w, 4), all white."""
    return np.repeat(person[..., 3:], 4, axis=2)
