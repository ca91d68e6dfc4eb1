"""Clips as the protocols see them: pictures, landmarks, and the frame that serves as the source."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from engines.geometry import euler_deg, fit_pose
from engines.scores import eye_aperture, lip_aperture
from streamer.clock import SECOND
from streamer.errors import MediaError
from streamer.frame import Image, Landmarks
from streamer.stages import Tracker

LONG_SIDE = 1080
"""Larger clips are scaled down to this, as the generator does."""

_NEUTRAL_S = 1.5
_FACES = 0.25
"""A clip whose face is seen more rarely is one of something else."""

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg")


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip in memory with its landmarks."""

    name: str
    times_ns: tuple[int, ...]
    pictures: tuple[Image, ...]
    landmarks: tuple[Landmarks | None, ...]
    source: int
    """The frame that serves as the portrait and as the driver's neutral."""

    @property
    def fps(self) -> float:
        """Frames per second, from the time stamps."""
        span = self.times_ns[-1] - self.times_ns[0]
        return (len(self.times_ns) - 1) * SECOND / span if span > 0 else 25.0

    @property
    def neutral(self) -> Landmarks:
        """The landmarks of the source frame."""
        return self.landmark(self.source)

    def landmark(self, frame: int) -> Landmarks:
        """The landmarks of a frame that has a face."""
        return cast("Landmarks", self.landmarks[frame])

    def spread(self, count: int) -> list[int]:
        """At most `count` frames with a face, evenly spread, without the source."""
        seen = [i for i, face in enumerate(self.landmarks) if face is not None and i != self.source]
        if len(seen) <= count:
            return seen
        return [seen[i] for i in np.linspace(0, len(seen) - 1, count).round().astype(int)]

    def busiest(self, seconds: float) -> range:
        """So much of the clip, around the frame with the widest mouth."""
        wide = [-1.0 if face is None else lip_aperture(face) for face in self.landmarks]
        count = min(len(wide), max(2, round(seconds * self.fps)))
        start = min(max(0, int(np.argmax(wide)) - count // 2), len(wide) - count)
        return range(start, start + count)


def find_clips(folder: Path, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """The video files of a folder, or those with other endings, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)


def load_footage(
    path: Path, tracker: Tracker, seconds: float, on_frame: Callable[[], None]
) -> Footage:
    """Read and track the first `seconds` of a clip. MediaError when no face is in them."""
    times: list[int] = []
    pictures: list[Image] = []
    landmarks: list[Landmarks | None] = []
    for at_ns, picture in _frames(path, seconds):
        small = fit_long_side(picture, LONG_SIDE)
        times.append(at_ns)
        pictures.append(small)
        landmarks.append(tracker.track(small))
        on_frame()
    source = neutral_frame(landmarks, times)
    if source is None or sum(face is not None for face in landmarks) < _FACES * len(landmarks):
        raise MediaError(f"{path}: no face in most of the first {seconds:g} s")
    return Footage(path.stem, tuple(times), tuple(pictures), tuple(landmarks), source)


def _frames(path: Path, seconds: float) -> Iterator[tuple[int, Image]]:
    from streamer.video import Clip

    with Clip(path, duration_s=seconds) as clip:
        yield from clip.frames()


def fit_long_side(picture: Image, long_side: int) -> Image:
    """The picture with its long side at most `long_side`."""
    height, width = picture.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return picture
    size = (round(width * scale), round(height * scale))
    return cast("Image", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def neutral_frame(track: Sequence[Landmarks | None], times_ns: Sequence[int]) -> int | None:
    """The most neutral frame of the first 1.5 s with a face: frontal, mouth shut, eyes open."""
    faces = [(i, face) for i, face in enumerate(track) if face is not None]
    if not faces:
        return None
    until = times_ns[faces[0][0]] + _NEUTRAL_S * SECOND
    early = [(i, face) for i, face in faces if times_ns[i] <= until]
    open_eyes = float(np.median([eye_aperture(face) for _, face in early]))
    return min(early, key=lambda pair: _unrest(pair[1], open_eyes))[0]


def _unrest(face: Landmarks, open_eyes: float) -> float:
    """0 for a frontal face with shut lips and open eyes; 1 is about 20 degrees of yaw."""
    yaw, pitch, roll = euler_deg(fit_pose(face).rotation)
    turned = (abs(yaw) + 0.5 * abs(pitch) + 0.5 * abs(roll)) / 20
    lids = max(0.0, 1 - eye_aperture(face) / open_eyes)
    return turned + 4 * lip_aperture(face) + 3 * lids
