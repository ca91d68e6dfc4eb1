"""Whether the avatar's face survived the driver: a face detector on what was sent and read."""

import numpy as np
from numpy.typing import NDArray

from streamer.config import TrackerConfig
from streamer.frame import Landmarks
from streamer.tracker import open_tracker
from tools.vcam.checks import must
from tools.vcam.pictures import CARD, Images, number_of

_NOSE, _UPPER_LIP, _LOWER_LIP = 1, 13, 14
_LEFT, _RIGHT = 234, 454
"""The sides of the face."""


def judge(sent: Images, read: Images) -> str:
    """The face is found in the pictures that were read, and moves as in those that were sent."""
    numbers = [number_of(image) for image in read]
    shown = sorted({n for n in numbers if n is not None and n > CARD})
    before = _track([sent[n - 1] for n in shown])
    after = _track([read[numbers.index(n)] for n in shown])
    found = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if _both(a, b)]
    must(len(found) >= 0.95 * len(shown), f"a face in {len(found)} of {len(shown)} pictures")
    first = np.stack([_signals(before[i]) for i in found])
    second = np.stack([_signals(after[i]) for i in found])
    moved = first.std(axis=0)
    alike = [float(np.corrcoef(first[:, k], second[:, k])[0, 1]) for k in range(first.shape[1])]
    apart = max(float(np.abs(_points(before[i]) - _points(after[i])).mean()) for i in found)
    names = ("nose x", "nose y", "mouth")
    told = ", ".join(
        f"{name} {value:.3f} (moves {width:.3f})"
        for name, value, width in zip(names, alike, moved, strict=True)
    )
    seen = (
        f"a face in {len(found)} of {len(shown)}; correlation {told}; points apart {apart:.2f} px"
    )
    must(min(alike) > 0.9, seen)
    must(moved.max() > 0.005, seen)
    return seen


def shown(images: Images) -> str:
    """The last pictures of `vivant run`, after its card, show a face."""
    found = [points is not None for points in _track(list(images[1:]))]
    seen = f"a face in {sum(found)} of {len(found)} pictures after the card"
    must(found and all(found), seen)
    return seen


def _track(images: list[NDArray[np.uint8]]) -> list[Landmarks | None]:
    with open_tracker(TrackerConfig()) as tracker:
        return [tracker.track(image) for image in images]


def _both(a: Landmarks | None, b: Landmarks | None) -> bool:
    return a is not None and b is not None


def _points(landmarks: Landmarks | None) -> NDArray[np.float64]:
    assert landmarks is not None
    return landmarks[:468, :2].astype(np.float64)


def _signals(landmarks: Landmarks | None) -> NDArray[np.float64]:
    """Place of the nose and opening of the mouth, in face widths."""
    points = _points(landmarks)
    width = float(np.linalg.norm(points[_RIGHT] - points[_LEFT]))
    opening = float(np.linalg.norm(points[_LOWER_LIP] - points[_UPPER_LIP]))
    return np.array([*points[_NOSE] / width, opening / width])
