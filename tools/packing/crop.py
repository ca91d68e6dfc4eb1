"""The part of a picture that goes into a pack, and its size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.geometry import fit_pose
from engines.vision import resized
from streamer.frame import Array, Image, Landmarks

AROUND = 3.4
"""Side of the crop in face widths, where the picture is so large."""
FACE_PX, LONG_SIDE = 160.0, 448
"""A face is stored at most so wide, a crop at most so long."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture, made smaller."""

    x: int
    y: int
    width: int
    height: int
    scale: float

    def picture(self, whole: Image) -> Image:
        """The part (h, w, 3)."""
        part = whole[self.y : self.y + self.height, self.x : self.x + self.width]
        size = (round(self.width * self.scale), round(self.height * self.scale))
        return np.ascontiguousarray(part if self.scale == 1 else resized(part, size))

    def place(self, landmarks: Landmarks) -> Landmarks:
        """The landmarks in px of the part."""
        moved = landmarks - np.array([self.x - 0.5, self.y - 0.5, 0], np.float32)
        return (moved * self.scale - np.array([0.5, 0.5, 0], np.float32)).astype(np.float32)


def crop_of(faces: Sequence[Landmarks], shape: tuple[int, ...]) -> Crop:
    """One crop for all of the faces, around their middle."""
    poses = [fit_pose(face) for face in faces]
    wide = float(np.median([pose.scale for pose in poses]))
    middles: Array = np.array([(face[:, :2].min(0) + face[:, :2].max(0)) / 2 for face in faces])
    middle = np.median(middles, 0)
    half = AROUND * wide / 2
    x0, y0 = (max(0, int(v)) for v in middle - half)
    x1 = min(shape[1], int(middle[0] + half) + 1)
    y1 = min(shape[0], int(middle[1] + half) + 1)
    scale = min(1.0, FACE_PX / wide, LONG_SIDE / max(x1 - x0, y1 - y0))
    return Crop(x0, y0, x1 - x0, y1 - y0, scale)
