"""What is seen through the skin: the eyeballs between the lids, and the inside of the mouth."""

from collections.abc import Iterator

import numpy as np

from engines.eyes import EyeLayer, LidTexture, draw_eye, draw_lashes, eye_layer
from engines.geometry import POINTS, eyes, lip_contour
from engines.layers import Stroke, blur_of
from engines.mouth import draw_mouth, mouth_layer
from streamer.frame import Array, Motion
from streamer.generator.canvas import Canvas
from streamer.generator.skin import closing
from streamer.portrait import Portrait

_LID_SHADOW = 0.25

Head = tuple[Array, Array, float]
"""rotation, translation and scale of the head, in pixels of the photo"""


class Openings:
    """Eyes and mouth of one portrait on one canvas."""

    def __init__(self, portrait: Portrait, canvas: Canvas) -> None:
        face, pose = portrait.points[:POINTS], portrait.pose
        self._canvas = canvas
        left, right = (eye_layer(portrait.picture, portrait.landmarks, e) for e in eyes())
        self._eyes: tuple[EyeLayer, EyeLayer] = (left, right)
        mouth_px = float(np.linalg.norm(face[61] - face[291])) * pose.scale * canvas.scale
        self._mouth = mouth_layer(
            portrait.picture, portrait.landmarks, pose, (face, portrait.shut), max(16.0, mouth_px)
        )
        self._blur = _face_blur(portrait) * canvas.scale

    @property
    def mouth_width(self) -> float:
        """In face widths."""
        return self._mouth.width

    def strokes(
        self, points: Array, motion: Motion, head: Head, lids: tuple[LidTexture, LidTexture]
    ) -> Iterator[Stroke]:
        """What is drawn, in order, for face points (468, 3) px of the canvas."""
        shape = (self._canvas.height, self._canvas.width)
        drawn = [self._mouth_stroke(shape, points, motion, head)]
        for eye, layer, lid, openness in zip(
            eyes(), self._eyes, lids, motion.openness, strict=True
        ):
            shut = closing(float(openness))
            if shut > 0:
                line = points[[eye.corners[0], *eye.upper, eye.corners[1]], :2]
                drawn.append(draw_lashes(shape, line, lid.lash, 0.8 * shut, self._blur))
            if openness <= 0.02:
                continue
            corners = _in_order(points[eye.corners, :2])
            darken = _LID_SHADOW * float(np.clip(1 - openness, 0, 1))
            contour = points[eye.contour, :2]
            drawn.append(draw_eye(layer, shape, contour, corners, motion.gaze, darken, self._blur))
        return (stroke for stroke in drawn if stroke is not None)

    def _mouth_stroke(
        self, shape: tuple[int, int], points: Array, motion: Motion, head: Head
    ) -> Stroke | None:
        if motion.aperture <= 0:
            return None
        rotation, translation, scale = head
        translation = self._canvas.place(translation[None])[0]
        placed = (rotation, translation, scale * self._canvas.scale)
        lips = points[lip_contour(), :2]
        return draw_mouth(self._mouth, shape, lips, placed, motion.jaw, self._blur)

    def irises(self, points: Array, motion: Motion) -> Array:
        """(2, 3) place and radius of each iris, px of the canvas."""
        corners = (_in_order(points[eye.corners, :2]) for eye in eyes())
        both = zip(self._eyes, corners, strict=True)
        return np.stack([layer.iris_at(ends, motion.gaze) for layer, ends in both])


def _in_order(corners: Array) -> Array:
    """From left to right."""
    return corners[np.argsort(corners[:, 0])]


def _face_blur(portrait: Portrait) -> float:
    """The blur of the photo around eyes, nose and mouth, in picture px."""
    rows, columns = box_around(portrait.landmarks[33:POINTS], portrait.picture.shape)
    return blur_of(portrait.picture[rows, columns])


def box_around(points: Array, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture of this shape that hold the points (N, 2 or 3)."""
    low = np.clip(points[:, :2].min(0).astype(int), 0, [shape[1] - 2, shape[0] - 2])
    high = np.clip(points[:, :2].max(0).astype(int) + 1, low + 2, [shape[1], shape[0]])
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
