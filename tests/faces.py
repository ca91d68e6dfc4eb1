"""Faces to test with: bundled portraits and clip, found once, and drivers that do as asked."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from engines.geometry import LIP_LOWER, LIP_UPPER, canonical, eyes, from_euler_deg
from streamer.animate import Track, track_clip
from streamer.bundled import clip_path, portrait_path
from streamer.config import Config, GeneratorConfig
from streamer.enroll import enroll
from streamer.frame import Array, Image, Landmarks
from streamer.generator.composite import WarpGenerator
from streamer.picture import read_picture
from streamer.portrait import Portrait
from streamer.tracker import open_tracker
from streamer.video import Clip

FRAME_NS = 33_333_333
"""The time between two frames of a synthetic driver."""
_RIGHT_TO_LEFT = (473, 474, 477, 476, 475, 468, 469, 472, 471, 470)
"""The iris points of a mirrored face: rim points to the left and right change places."""


@cache
def photo(name: str = "ada") -> Image:
    """The picture of a bundled portrait."""
    return read_picture(portrait_path(name))


@cache
def portrait(name: str = "ada") -> Portrait:
    """A bundled portrait, enrolled."""
    return enroll([photo(name)], name)


@cache
def demo() -> Track:
    """The bundled clip, tracked: the driver looks around, talks, smiles, blinks."""
    with Clip(clip_path("demo")) as clip, open_tracker(Config().tracker) as tracker:
        return track_clip(clip, tracker)


@cache
def demo_frame(at_s: float) -> Image:
    """A picture of the bundled clip."""
    with Clip(clip_path("demo"), at_s, 0.1) as clip:
        return next(clip.frames())[1]


@cache
def generator(name: str = "ada", size: int | None = 256) -> WarpGenerator:
    """The generator of a bundled portrait; at its own size for None."""
    return WarpGenerator(GeneratorConfig(size=size), portrait(name))


def times(count: int, start_s: float = 100.0, step_ns: int = FRAME_NS) -> list[int]:
    """The instants of `count` frames."""
    return [int(start_s * 1e9) + i * step_ns for i in range(count)]


def driver(
    turn: Sequence[float] = (0.0, 0.0, 0.0),
    lids: Sequence[float] = (1.0, 1.0),
    lips: float | None = None,
    at: Sequence[float] = (320.0, 240.0, 0.0),
    size: float = 150.0,
    face: Array | None = None,
) -> Landmarks:
    """A driver's landmarks: yaw, pitch, roll in degrees, each eye's openness, the lips' gap."""
    points = np.array(portrait("mei").points if face is None else face, np.float32)
    for eye, openness in zip(eyes(), lids, strict=True):
        points[eye.upper] = points[eye.lower] + openness * (points[eye.upper] - points[eye.lower])
    if lips is not None:
        upper, lower = list(LIP_UPPER), list(LIP_LOWER)
        middle = (points[upper] + points[lower]) / 2
        half = lips * float(np.linalg.norm(points[61] - points[291])) / 2
        down = half * (1 - np.linspace(-1, 1, len(upper))[:, None] ** 2) * np.array([[0, 1, 0]])
        points[upper], points[lower] = middle - down, middle + down
    rotation = from_euler_deg(*turn)
    return (points @ rotation.T * size + np.array(at)).astype(np.float32)


def mirrored(landmarks: Landmarks, width: float) -> Landmarks:
    """The same face in the mirrored picture."""
    order = np.concatenate([canonical().mirror, _RIGHT_TO_LEFT])
    return (landmarks[order] * [-1, 1, 1] + [width, 0, 0]).astype(np.float32)
