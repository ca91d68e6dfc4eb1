"""The training-free generator moves the portrait's own pixels, eyes and mouth under the skin."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engines.eyes import draw_eye, draw_lashes, eye_layer, lid_texture
from engines.features import inside_lips, place_lids, place_lips
from engines.fill import atlas
from engines.geometry import POINTS, Pose, euler_deg, eyes, lip_contour
from engines.layers import blur_of, premultiplied
from engines.mesh import Mesh, Proxy, build_mesh, deform
from engines.mouth import draw_mouth, mouth_layer
from engines.raster import blend_over, rasterise, soften_breaks
from engines.subdivide import face_mesh
from engines.vision import mixed
from streamer.config import GeneratorConfig
from streamer.frame import Array, Image, Motion
from streamer.generator.canvas import canvas_of, reduced
from streamer.generator.paint import emptiness, paint
from streamer.portrait import Portrait
from streamer.retarget.pose import NECK, smooth_step

_LID_SHADOW = 0.25
_REVEAL_DEG, _REVEAL_TURNED_DEG, _REVEAL_STEPS = (5.0, 13.0), (2.0, 9.0), 16
"""Turns between which the fill of a cheek comes in: for a photo from the front, for others."""
_LIDS_MEET_BELOW = 0.35
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
        self.width, self.height = canvas.width, canvas.height
        face, pose = portrait.points[:POINTS], portrait.pose
        self._mesh = build_mesh(face, pose, (portrait.width, portrait.height), proxy)
        self._left, self._right = (
            eye_layer(portrait.picture, portrait.landmarks, e) for e in eyes()
        )
        mouth_px = float(np.linalg.norm(face[61] - face[291])) * pose.scale * canvas.scale
        self._mouth = mouth_layer(
            portrait.picture, portrait.landmarks, pose, (face, portrait.shut), max(16.0, mouth_px)
        )
        self._mouth_width = self._mouth.width
        texture_scale = min(1.0, canvas.scale)
        self._blur = _face_blur(portrait) * canvas.scale
        rest = _at_rest(self._mesh, face, pose)
        uv = np.ascontiguousarray((rest[:, :2] + 0.5) * texture_scale - 0.5)
        self._atlas = atlas(_texture(portrait, texture_scale), uv, self._mesh, pose)
        self._texture = self._atlas.texture.copy()
        self._empty = emptiness(self._atlas.texture, self._atlas.filled)
        self._revealed = {-1: 0, 1: 0}
        self._lids = [lid_texture(self._atlas.texture, self._atlas.uv, eye) for eye in eyes()]
        self._closed = [0, 0]
        self._region = self._moving_region(rest)
        rows, columns = self._region
        self._depth = np.zeros((self.height, self.width), np.float32)[rows, columns].copy()
        self._map = np.zeros((1, *self._depth.shape, 2), np.float32)
        still = canvas.shown(portrait.picture)
        self.original = Scene(still, self._visible_plate(still, rest))
        """before the photo's own background"""
        self.scene = self.original
        """what is drawn on unless another one is asked for"""

    def _moving_region(self, rest: Array) -> tuple[slice, slice]:
        """Rows and columns of the output outside which nothing ever moves."""
        moving = self.canvas.place(rest[self._mesh.head > _MOVING])[:, :2]
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
        return Scene(still, np.ascontiguousarray(behind[self._region]), silhouette)

    @cached_property
    def at_rest(self) -> Image:
        """(height, width, 4) the person without background, premultiplied."""
        matte = self.canvas.shown(self.portrait.matte).astype(np.float32) / 255
        return premultiplied(self.canvas.shown(self.portrait.foreground), matte)

    def _visible_plate(self, still: Image, rest: Array) -> Image:
        """The plate where the head may uncover it, the picture itself where everything stays."""
        uv = np.column_stack([self._mesh.head, self._mesh.head]).astype(np.float32)
        out = np.zeros_like(self._map)
        self._rasterise(rest, uv[self._atlas.source], out)
        t = np.clip((out[0, ..., :1] - 0.02) / 0.1, 0, 1)
        share = t * t * (3 - 2 * t)
        own = still[self._region].astype(np.float32)
        plate = self.canvas.shown(self.portrait.plate)[self._region].astype(np.float32)
        return np.clip(own + (plate - own) * share + 0.5, 0, 255).astype(np.uint8)

    def _rasterise(self, vertices: Array, uv: Array, out: Array) -> None:
        rows, columns = self._region
        local = self.canvas.place(vertices) - np.array([columns.start, rows.start, 0], np.float32)
        drawn = np.ascontiguousarray(local[self._atlas.source][None])
        rasterise(
            drawn,
            self._atlas.triangles,
            np.ascontiguousarray(uv),
            self._mesh.holes,
            out,
            self._depth,
        )

    def generate(self, motion: Motion, scene: Scene | None = None) -> Image:
        """One picture (height, width, 3). The array is the caller's."""
        return self.generate_batch([motion], scene)[0]

    def generate_batch(self, motions: Sequence[Motion], scene: Scene | None = None) -> list[Image]:
        """One picture per motion."""
        vertices, heads = self._deformed(motions)
        with self._lock:
            return [
                self._draw(scene or self.scene, motion, points, (turn, shift, float(scale)))
                for motion, points, turn, shift, scale in zip(
                    motions, vertices, *heads, strict=True
                )
            ]

    def _deformed(self, motions: Sequence[Motion]) -> tuple[Array, tuple[Array, Array, Array]]:
        """Vertices (B, V, 3) in picture pixels; rotation, translation and scale of each head."""
        portrait, pose = self.portrait, self.portrait.pose
        face = portrait.shut + np.stack([m.deltas for m in motions])
        face = place_lips(
            face, np.array([m.aperture for m in motions], np.float32) * self._mouth_width
        )
        own = portrait.points[:POINTS]
        face = place_lids(face, own, np.stack([m.openness for m in motions]))
        rotation = pose.rotation @ np.stack([m.rotation for m in motions])
        scale = pose.scale * np.array([m.scale for m in motions], np.float32)
        shift = np.pad(np.stack([m.translation for m in motions]), ((0, 0), (0, 1))) * pose.scale
        neck = pose.translation + pose.scale * pose.rotation @ NECK + shift
        translation = neck - scale[:, None] * (rotation @ NECK)
        heads = (rotation.astype(np.float32), translation.astype(np.float32), scale)
        return deform(self._mesh, face - own, pose, heads), heads

    def _draw(
        self, scene: Scene, motion: Motion, vertices: Array, head: tuple[Array, Array, float]
    ) -> Image:
        self._rasterise(vertices, self._atlas.uv, self._map)
        self._reveal(motion)
        self._shut_lids(motion)
        picture = scene.still.copy()
        moving = picture[self._region]
        texture, places = (self._texture, self._empty), self._map[0]
        paint(*texture, places, scene.plate, moving, white=scene.silhouette)
        soften_breaks(self._map[0], moving)
        if not scene.silhouette:
            points = self.canvas.place(vertices[:POINTS])
            self._draw_mouth(picture, points, motion, head)
            self._draw_eyes(picture, points, motion)
        return picture

    def _reveal(self, motion: Motion) -> None:
        """Blend the fill of each cheek in as far as the head turns it into view."""
        yaw = euler_deg(motion.rotation)[0]
        low, high = _REVEAL_TURNED_DEG if self._atlas.turned > 0 else _REVEAL_DEG
        steps = {
            side: round(smooth_step((side * yaw - low) / (high - low)) * _REVEAL_STEPS)
            for side in (-1, 1)
        }
        for part in self._atlas.parts:
            share = steps[part.side] / _REVEAL_STEPS
            if steps[part.side] != self._revealed[part.side]:
                here = (part.rows, part.columns)
                own, filled = self._atlas.texture[here], self._atlas.filled[here]
                self._texture[here] = mixed(own, filled, share)
        self._revealed = steps

    def _shut_lids(self, motion: Motion) -> None:
        """Take the eyeball's rest off the lids as they close."""
        for side, (lid, openness) in enumerate(zip(self._lids, motion.openness, strict=True)):
            step = round(smooth_step(1 - float(openness) / _LIDS_MEET_BELOW) * _REVEAL_STEPS)
            if step != self._closed[side]:
                own = self._atlas.texture[lid.rows, lid.columns]
                now = mixed(own, lid.shut, step / _REVEAL_STEPS)
                self._texture[lid.rows, lid.columns] = now
                self._closed[side] = step

    def _draw_mouth(
        self, picture: Image, points: Array, motion: Motion, head: tuple[Array, Array, float]
    ) -> None:
        if motion.aperture <= 0:
            return
        rotation, translation, scale = head
        translation = self.canvas.place(translation[None])[0]
        draw_mouth(
            picture,
            self._mouth,
            points[lip_contour(), :2],
            (rotation, translation, scale * self.canvas.scale),
            motion.jaw,
            self._blur,
        )

    def _draw_eyes(self, picture: Image, points: Array, motion: Motion) -> None:
        for eye, layer, lid, openness in zip(
            eyes(), (self._left, self._right), self._lids, motion.openness, strict=True
        ):
            closing = smooth_step(1 - float(openness) / _LIDS_MEET_BELOW)
            if closing > 0:
                line = points[[eye.corners[0], *eye.upper, eye.corners[1]], :2]
                draw_lashes(picture, line, lid.lash, 0.8 * closing, self._blur)
            if openness <= 0.02:
                continue
            corners = points[eye.corners, :2]
            corners = corners[np.argsort(corners[:, 0])]
            darken = _LID_SHADOW * float(np.clip(1 - openness, 0, 1))
            draw_eye(
                picture, layer, points[eye.contour, :2], corners, motion.gaze, darken, self._blur
            )


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


def _face_blur(portrait: Portrait) -> float:
    """The blur of the photo around eyes, nose and mouth, in picture px."""
    rows, columns = box_around(portrait.landmarks[33:POINTS], portrait.picture.shape)
    return blur_of(portrait.picture[rows, columns])


def box_around(points: Array, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture of this shape that hold the points (N, 2 or 3)."""
    low = np.clip(points[:, :2].min(0).astype(int), 0, [shape[1] - 2, shape[0] - 2])
    high = np.clip(points[:, :2].max(0).astype(int) + 1, low + 2, [shape[1], shape[0]])
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
