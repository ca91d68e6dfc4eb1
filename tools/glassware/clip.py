"""The fake camera's video: the bundled driver, whose mouth opens and shuts at known instants."""

import random
from pathlib import Path
from typing import cast

import av
import numpy as np

from streamer.bundled import portrait_path
from streamer.config import TrackerConfig
from streamer.frame import Array, Image

DEMO = portrait_path("ada").with_name("demo.mp4")
FPS = 30
_RIGID = (33, 133, 263, 362, 168, 6, 4, 234, 454, 10)
"""Face points that the mouth does not move."""
_LIPS = (13, 14, 61, 291)
_FIELDS, _NOISE = 7, 2.0
"""Fields of noise, in turn, and their standard deviation in levels."""
_SHORTEST, _LONGEST = 14, 27
"""Frames between two steps: irregular, so that nothing regular can be taken for an answer."""


def write_clip(path: Path, size: tuple[int, int], seconds: float, stimulus: str) -> None:
    """A y4m file of (width, height) for Chromium; `mouth` changes a patch, `flash` all of it."""
    width, height = size
    shut, opened = (_widened(pose, width) for pose in _poses(height))
    if stimulus == "flash":
        opened = np.clip(shut.astype(np.int16) + 60, 0, 255).astype(np.uint8)
    faces = [_noisy(_planes(pose), width * height) for pose in (shut, opened)]
    random_numbers = random.Random(5)
    left = random_numbers.randint(_SHORTEST, _LONGEST)
    pose = 0
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420mpeg2\n".encode())
        for number in range(round(seconds * FPS)):
            left -= 1
            if left == 0:
                pose, left = 1 - pose, random_numbers.randint(_SHORTEST, _LONGEST)
            file.write(b"FRAME\n" + faces[pose][number % _FIELDS])


def _widened(image: Image, width: int) -> Image:
    """A square picture with margins left and right, as its edges are."""
    spare = width - image.shape[1]
    return np.pad(image, ((0, 0), (spare // 2, spare - spare // 2), (0, 0)), mode="edge")


def _noisy(planes: bytes, pixels: int) -> list[bytes]:
    """The picture with a sensor's noise: without it the browser would send next to nothing."""
    random_numbers = np.random.default_rng(1)
    luma = np.frombuffer(planes, np.uint8)[:pixels].astype(np.float32)
    noise = random_numbers.normal(0, _NOISE, (_FIELDS, pixels))
    lumas = np.clip(luma + noise + 0.5, 0, 255).astype(np.uint8)
    return [row.tobytes() + planes[pixels:] for row in lumas]


def _poses(side: int) -> tuple[Image, Image]:
    """The driver with the mouth shut, and the same picture with it open."""
    import cv2

    (shut, shut_points), (wide, wide_points) = _extremes(side)
    matrix, _ = cv2.estimateAffinePartial2D(
        np.asarray(wide_points[list(_RIGID)]), np.asarray(shut_points[list(_RIGID)])
    )
    wide = cv2.warpAffine(wide, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    low, high = shut_points[4], shut_points[152]
    width = float(np.linalg.norm(shut_points[454] - shut_points[234]))
    centre = tuple(int(v) for v in (low + high) / 2 + (high - low) * 0.12)
    axes = (round(width * 0.33), round(float(np.linalg.norm(high - low)) * 0.48))
    mask = np.zeros((side, side), np.float32)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, (1.0,), -1)
    mask = cv2.GaussianBlur(mask, (0, 0), side / 64)[..., None]
    return shut, (shut * (1 - mask) + wide * mask).astype(np.uint8)


def _extremes(side: int) -> tuple[tuple[Image, Array], tuple[Image, Array]]:
    """The frame with the mouth shut, and that with it widest, with their face points."""
    from streamer.tracker import open_tracker

    seen: list[tuple[float, Image, Array]] = []
    with open_tracker(TrackerConfig()) as tracker, av.open(str(DEMO)) as container:
        for frame in container.decode(video=0):
            image = cast("Image", frame.to_ndarray(format="rgb24", width=side, height=side))
            points = tracker.track(image)
            if points is not None:
                flat = points[:, :2]
                upper, lower, left, right = (flat[index] for index in _LIPS)
                gap = np.linalg.norm(upper - lower) / np.linalg.norm(left - right)
                seen.append((float(gap), image, flat))
    shut, wide = seen[0], max(seen, key=lambda row: row[0])
    return shut[1:], wide[1:]


def _planes(image: Image) -> bytes:
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
    return frame.to_ndarray().tobytes()
