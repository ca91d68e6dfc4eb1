"""The driver's face: MediaPipe FaceMesh in tracking mode, kept on one person."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from streamer.config import TrackerConfig
from streamer.frame import Image, Landmarks
from streamer.quiet import quiet_stderr
from streamer.solutions import solutions

_SMALL = 0.2
"""A face smaller than this part of the picture's short side is tracked in a window of its own.

FaceMesh's own detector sees the picture at 128 px and would miss it.
"""
_WINDOW = 4.0
"""Side of that window, in face sizes."""
_KEEP = 0.75
"""How far from its middle, in half windows, the face may drift before the window moves."""
_LOOKS = 4
_MASK = 1.8
"""Side of what stays visible around the chosen face, in face sizes, when several are in view."""


@dataclass(frozen=True, slots=True)
class Box:
    """A face as the detector saw it, in pixels."""

    x: float
    y: float
    size: float

    def around(self, factor: float, shape: Sequence[int]) -> tuple[slice, slice]:
        """Rows and columns of a square `factor` times as large, cut at the picture's border."""
        half = self.size * factor / 2
        rows = slice(max(0, int(self.y - half)), min(shape[0], int(self.y + half) + 1))
        columns = slice(max(0, int(self.x - half)), min(shape[1], int(self.x + half) + 1))
        return rows, columns


_BLANK = np.zeros((64, 64, 3), np.uint8)


class FaceDetector:
    """MediaPipe's two face detectors: near faces, and if there is none, far ones."""

    def __init__(self, confidence: float) -> None:
        solution: Any = solutions.face_detection
        with quiet_stderr():
            self._models: list[Any] = [
                solution.FaceDetection(model_selection=kind, min_detection_confidence=confidence)
                for kind in (0, 1)
            ]
            for model in self._models:
                model.process(_BLANK)  # its threads have started when this returns

    def find(self, image: Image) -> list[Box]:
        """The faces in view, largest first."""
        for model in self._models:
            with quiet_stderr():
                found = model.process(image).detections
            if found:
                boxes = [_box(detection, image) for detection in found]
                return sorted(boxes, key=lambda box: -box.size)
        return []

    def close(self) -> None:
        """Free the graphs."""
        for model in self._models:
            model.close()


def _box(detection: Any, image: Image) -> Box:  # noqa: ANN401
    height, width = image.shape[:2]
    box = detection.location_data.relative_bounding_box
    x, y = (box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height
    return Box(x, y, max(box.width * width, box.height * height))


class FaceMesh:
    """MediaPipe's face mesh with irises: 478 points of one face."""

    def __init__(self, confidence: float) -> None:
        solution: Any = solutions.face_mesh
        with quiet_stderr():
            self._graph: Any = solution.FaceMesh(
                static_image_mode=False,
                max_num_faces=1,
                refine_landmarks=True,
                min_detection_confidence=confidence,
                min_tracking_confidence=confidence,
            )
            self._graph.process(_BLANK)  # its threads have started when this returns
        self._forgotten = False
        self._settled = False

    def find(self, image: Image) -> Landmarks | None:
        """The landmarks in pixels of `image`, or None."""
        if self._settled:
            found = self._graph.process(image).multi_face_landmarks
        else:  # the graph chatters when it starts, and at its first face
            with quiet_stderr():
                if self._forgotten:
                    self._graph.reset()
                found = self._graph.process(image).multi_face_landmarks
            self._forgotten, self._settled = False, bool(found)
        if not found:
            return None
        height, width = image.shape[:2]
        points = [(point.x, point.y, point.z) for point in found[0].landmark]
        return np.array(points, np.float32) * np.array([width, height, width], np.float32)

    def settle(self, image: Image) -> Landmarks | None:
        """The landmarks in pixels of `image` after several looks, each guided by the last.

        The first look, guided by the detector alone, is off by about 1 % of the face.
        """
        found = self.find(image)
        for _ in range(_LOOKS - 1):
            found = self.find(image) if found is not None else None
        return found

    def forget(self) -> None:
        """Look for the face anew in the next picture."""
        self._forgotten, self._settled = True, False

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()


class FaceTracker:
    """Follows one face. It is chosen once, by size or place, and kept while others come and go.

    FaceMesh follows what it found in the last picture, so the choice is made only when there is
    none: the others are then hidden from it for that one picture.

    Landmarks are told in the pixels of the first image with a face. A camera may change its size,
    as browsers do when they are short of time or bandwidth: that must be no motion.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self._choice: Literal["largest", "central"] = config.face
        self._detector = FaceDetector(config.confidence)
        self._mesh = FaceMesh(config.confidence)
        self._window: tuple[slice, slice] = (slice(None), slice(None))
        self._last: Box | None = None
        self._tracking = False
        self._first: tuple[int, int] | None = None
        self._size = (0, 0)

    def track(self, image: Image) -> Landmarks | None:
        """The landmarks in pixels of the first image that had a face; None: none is in view."""
        self._meet((image.shape[0], image.shape[1]))
        held = self._tracking
        seen = self._follow(image) if held else self._acquire(image)
        landmarks = self._mesh.find(seen) if held else self._mesh.settle(seen)
        self._tracking = landmarks is not None
        if landmarks is None:
            return None
        landmarks[:, 0] += self._window[1].start or 0
        landmarks[:, 1] += self._window[0].start or 0
        self._last = box_of(landmarks)
        return self._in_first(landmarks)

    def _meet(self, size: tuple[int, int]) -> None:
        """Take notice of the image's height and width."""
        if size == self._size:
            return
        if self._last is not None:  # it is found again where it was, in the new pixels
            factor = _factor(self._size, size)
            x, y = self._last.x - self._size[1] / 2, self._last.y - self._size[0] / 2
            place = x * factor + size[1] / 2, y * factor + size[0] / 2
            self._last = Box(*place, self._last.size * factor)
        self._size, self._tracking = size, False

    def _in_first(self, landmarks: Landmarks) -> Landmarks:
        """The same in the pixels of the first image: middle on middle, as large in its picture."""
        first = self._first = self._first or self._size
        if first == self._size:
            return landmarks
        middle = np.array([self._size[1] / 2, self._size[0] / 2, 0], np.float32)
        there = np.array([first[1] / 2, first[0] / 2, 0], np.float32)
        return (landmarks - middle) * np.float32(_factor(self._size, first)) + there

    def _follow(self, image: Image) -> Image:
        rows, columns = self._window
        if rows.start is None or self._last is None:
            return image
        if rows.stop > image.shape[0] or columns.stop > image.shape[1]:
            return self._acquire(image)
        middle = (columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2
        reach = _KEEP * (rows.stop - rows.start) / 2 - self._last.size / 2
        if max(abs(self._last.x - middle[0]), abs(self._last.y - middle[1])) > max(reach, 0):
            return self._acquire(image)
        return np.ascontiguousarray(image[rows, columns])

    def _acquire(self, image: Image) -> Image:
        faces = self._detector.find(image)
        self._mesh.forget()
        self._window = (slice(None), slice(None))
        if not faces:
            return image
        chosen = self._choose(faces, image)
        if len(faces) > 1:
            keep = chosen.around(_MASK, image.shape)
            masked = np.zeros_like(image)
            masked[keep] = image[keep]
            image = masked
        if chosen.size < _SMALL * min(image.shape[:2]):
            self._window = chosen.around(_WINDOW, image.shape)
        return np.ascontiguousarray(image[self._window])

    def _choose(self, faces: list[Box], image: Image) -> Box:
        """The face followed so far if one is near its place, else the largest or most central."""
        if self._last is not None:
            last = self._last
            nearest = min(faces, key=lambda f: np.hypot(f.x - last.x, f.y - last.y))
            if np.hypot(nearest.x - last.x, nearest.y - last.y) < last.size:
                return nearest
        if self._choice == "largest":
            return faces[0]
        middle = image.shape[1] / 2, image.shape[0] / 2
        return min(faces, key=lambda f: np.hypot(f.x - middle[0], f.y - middle[1]))

    def close(self) -> None:
        """Free the graphs."""
        self._detector.close()
        self._mesh.close()


def _factor(size: tuple[int, int], other: tuple[int, int]) -> float:
    """How much larger things are in the other, which may also be turned by 90 degrees."""
    return float(np.sqrt(other[0] * other[1] / (size[0] * size[1])))


def box_of(landmarks: Landmarks) -> Box:
    """The square around a face."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    x, y = (low + high) / 2
    return Box(float(x), float(y), float((high - low).max()))


@contextmanager
def open_tracker(config: TrackerConfig) -> Generator[FaceTracker]:
    """A tracker that is closed with the block."""
    tracker = FaceTracker(config)
    try:
        yield tracker
    finally:
        tracker.close()
