"""The training-free generator moves the portrait's own pixels, eyes and mouth under the skin."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engines.eyes import draw_eye, draw_lashes, eye_layer, lid_texture
from engines.features import inside_lips, place_lids, place_lips
from engines.fill import atlas
from engines.geometry import POINTS, euler_deg, eyes, lip_contour
from engines.layers import blur_of, premultiplied
from engines.mesh import Proxy, build_mesh, deform
from engines.mouth import draw_mouth, mouth_layer
from engines.raster import blend_over, rasterise, soften_breaks
from engines.subdivide import face_mesh
from engines.vision import mixed, remapped, resized, warped
from streamer.config import GeneratorConfig
from streamer.frame import Array, Image, Motion
from streamer.portrait import Portrait
from streamer.retarget.pose import NECK, smooth_step

_LONG_SIDE = 1080
_HEAD_CROP_PX = 512
_LID_SHADOW = 0.25
_REVEAL_DEG, _REVEAL_TURNED_DEG, _REVEAL_STEPS = (5.0, 13.0), (2.0, 9.0), 16
"""Turns between which the fill of a cheek comes in: for a photo from the front, for others."""
_LIDS_MEET_BELOW = 0.35
_MOVING = 0.004
"""Share in the head's turn below which a vertex counts as still."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The part of the picture that is shown, and its size."""

    x: float
    y: float
    scale: float
    """output px per picture px"""
    width: int
    height: int


def canvas_of(config: GeneratorConfig, portrait: Portrait) -> Canvas:
    """The framing the config asks for; sides are even, as video wants them."""
    width, height = portrait.width, portrait.height
    x = y = 0.0
    if config.crop == "head":
        side = min(width, height, 3.1 * portrait.pose.scale)
        middle = portrait.pose.to_picture(np.array([[0.0, 0.12, 0.0]], np.float32))[0]
        x = float(np.clip(middle[0] - side / 2, 0, width - side))
        y = float(np.clip(middle[1] - side / 2, 0, height - side))
        width = height = side
    default = _HEAD_CROP_PX if config.crop == "head" else min(_LONG_SIDE, max(width, height))
    scale = (config.size or default) / max(width, height)
    return Canvas(x, y, scale, _even(width * scale), _even(height * scale))


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)


class WarpGenerator:
    """Draws one portrait. What does not depend on the motion is made when it is opened."""

    def __init__(
        self, config: GeneratorConfig, portrait: Portrait, proxy: Proxy | None = None
    ) -> None:
        canvas = canvas_of(config, portrait)
        self._portrait, self._canvas = portrait, canvas
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
        self._still = self._shown(portrait.picture)
        self._blur = _face_blur(portrait) * canvas.scale
        texture = premultiplied(
            _resized(portrait.foreground, texture_scale),
            _resized(portrait.matte, texture_scale).astype(np.float32) / 255,
        )
        rest = pose.to_picture(self._mesh.points)
        fine = face_mesh().weights
        rest[: fine.shape[0]] = pose.to_picture(fine @ inside_lips(face))
        uv = np.ascontiguousarray((rest[:, :2] + 0.5) * texture_scale - 0.5)
        self._atlas = atlas(texture, uv, self._mesh, pose)
        self._texture = self._atlas.texture.copy()
        self._revealed = {-1: 0, 1: 0}
        self._lids = [lid_texture(self._atlas.texture, self._atlas.uv, eye) for eye in eyes()]
        self._closed = [0, 0]
        self._region = self._moving_region(rest)
        rows, columns = self._region
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        self._map = np.zeros((1, *shape, 2), np.float32)
        self._depth = np.zeros(shape, np.float32)
        self._plate = self._visible_plate(rest)

    def _shown(self, image: Image) -> Image:
        """The canvas' part of a picture, in output pixels."""
        c = self._canvas
        matrix = np.array([[c.scale, 0, -c.x * c.scale], [0, c.scale, -c.y * c.scale]], np.float32)
        matrix[:, 2] += (c.scale - 1) / 2
        if c.scale < 1:
            part = _resized(image, c.scale)
            matrix = np.array([[1, 0, -c.x * c.scale], [0, 1, -c.y * c.scale]], np.float32)
            image = part
        size = (c.width, c.height)
        return warped(image, matrix, size, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)

    def _to_canvas(self, points: Array) -> Array:
        """(..., 3) picture coordinates -> output pixels (z in the same unit)."""
        c = self._canvas
        shift = np.array([c.x - 0.5, c.y - 0.5, 0], np.float32)
        return ((points - shift) * c.scale - np.array([0.5, 0.5, 0], np.float32)).astype(np.float32)

    def _moving_region(self, rest: Array) -> tuple[slice, slice]:
        """Rows and columns of the output outside which nothing ever moves."""
        moving = self._to_canvas(rest[self._mesh.head > _MOVING])[:, :2]
        margin = 0.3 * self._portrait.pose.scale * self._canvas.scale
        low = np.floor(moving.min(0) - margin).astype(int)
        high = np.ceil(moving.max(0) + margin).astype(int)
        x0, y0 = (int(v) for v in np.maximum(low, 0))
        x1, y1 = min(int(high[0]), self.width), min(int(high[1]), self.height)
        return slice(y0, y1), slice(x0, x1)

    def _visible_plate(self, rest: Array) -> Image:
        """The plate where the head may uncover it, the picture itself where everything stays."""
        uv = np.column_stack([self._mesh.head, self._mesh.head]).astype(np.float32)
        out = np.zeros_like(self._map)
        self._rasterise(rest, uv[self._atlas.source], out)
        t = np.clip((out[0, ..., :1] - 0.02) / 0.1, 0, 1)
        share = t * t * (3 - 2 * t)
        still = self._still[self._region].astype(np.float32)
        plate = self._shown(self._portrait.plate)[self._region].astype(np.float32)
        return np.ascontiguousarray(
            np.clip(still + (plate - still) * share + 0.5, 0, 255).astype(np.uint8)
        )

    def _rasterise(self, vertices: Array, uv: Array, out: Array) -> None:
        rows, columns = self._region
        local = self._to_canvas(vertices) - np.array([columns.start, rows.start, 0], np.float32)
        drawn = np.ascontiguousarray(local[self._atlas.source][None])
        rasterise(
            drawn,
            self._atlas.triangles,
            np.ascontiguousarray(uv),
            self._mesh.holes,
            out,
            self._depth,
        )

    def generate(self, motion: Motion) -> Image:
        """One picture (height, width, 3). The array is the caller's."""
        return self.generate_batch([motion])[0]

    def generate_batch(self, motions: Sequence[Motion]) -> list[Image]:
        """One picture per motion."""
        vertices, heads = self._deformed(motions)
        return [
            self._draw(motion, points, (rotation, translation, float(scale)))
            for motion, points, rotation, translation, scale in zip(
                motions, vertices, *heads, strict=True
            )
        ]

    def _deformed(self, motions: Sequence[Motion]) -> tuple[Array, tuple[Array, Array, Array]]:
        """Vertices (B, V, 3) in picture pixels; rotation, translation and scale of each head."""
        portrait, pose = self._portrait, self._portrait.pose
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

    def _draw(self, motion: Motion, vertices: Array, head: tuple[Array, Array, float]) -> Image:
        self._rasterise(vertices, self._atlas.uv, self._map)
        self._reveal(motion)
        self._shut_lids(motion)
        person = remapped(self._texture, self._map[0], cv2.BORDER_REFLECT_101)
        picture = self._still.copy()
        blend_over(person, self._plate, picture[self._region])
        soften_breaks(self._map[0], picture[self._region])
        points = self._to_canvas(vertices[:POINTS])
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
        translation = self._to_canvas(translation[None])[0]
        draw_mouth(
            picture,
            self._mouth,
            points[lip_contour(), :2],
            (rotation, translation, scale * self._canvas.scale),
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


def _face_blur(portrait: Portrait) -> float:
    """The blur of the photo around eyes, nose and mouth, in picture px."""
    rows, columns = box_around(portrait.landmarks[33:POINTS], portrait.picture.shape)
    return blur_of(portrait.picture[rows, columns])


def box_around(points: Array, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture of this shape that hold the points (N, 2 or 3)."""
    low = np.clip(points[:, :2].min(0).astype(int), 0, [shape[1] - 2, shape[0] - 2])
    high = np.clip(points[:, :2].max(0).astype(int) + 1, low + 2, [shape[1], shape[0]])
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _resized(image: Image, scale: float) -> Image:
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return resized(image, size)
