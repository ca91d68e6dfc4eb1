"""Photos in, portrait out: find the face, judge the photo, take person and background apart."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from engines.geometry import POINTS, euler_deg, eyes, fit_pose
from engines.layers import Mask, background_plate, foreground, refined_matte
from engines.vision import dilated, fill_hull, grey, laplacian, resized, square
from streamer.errors import MediaError
from streamer.frame import Array, Image, Landmarks
from streamer.portrait import FaceReport, Portrait
from streamer.quiet import quiet_stderr
from streamer.retarget.measure import eye_ratio, lip_gap
from streamer.solutions import solutions
from streamer.tracker import Box, FaceDetector, FaceMesh, box_of

MIN_FACE_PX = 60
_GOOD_FACE_PX = 250
_LONG_SIDE = 2048
_CROPS = (2.4, 3.0, 3.6)
_CANDIDATES = 4
"""Detections that are looked at: what has no features is none."""
_EQUAL = 0.8
"""Two faces whose sizes differ by less than this are two possible subjects."""
_LEAST_TILE = 0.12
"""A face smaller than this in its tile is a false alarm or found better in a smaller tile."""
_FIRM = 0.92
"""Part of the face, from its middle, that belongs to the person whatever the segmentation says."""
_TILES = (0.6, 0.4, 0.25)
"""Sizes of the tiles, as parts of the picture's short side, in which a small face is searched."""


def enroll(photos: Sequence[Image], name: str) -> Portrait:
    """The portrait that the best of the photos gives.

    Raises MediaError when no photo shows exactly one usable face; the message of a single photo
    says why.
    """
    return portraits_of(photos, name)[0]


def portraits_of(photos: Sequence[Image], name: str) -> list[Portrait]:
    """A portrait of each photo that can be used, the best first. MediaError when none can."""
    if not photos:
        raise MediaError(f"{name}: no photo given; name at least one")
    found: list[Portrait] = []
    problems: list[MediaError] = []
    finder = _FaceFinder()
    try:
        for photo in photos:
            try:
                found.append(_portrait(photo, name, finder))
            except MediaError as error:
                problems.append(error)
    finally:
        finder.close()
    if not found:
        raise problems[0]
    return sorted(found, key=lambda portrait: -portrait.report.quality)


def _portrait(photo: Image, name: str, finder: "_FaceFinder") -> Portrait:
    picture = _fitted(photo)
    landmarks = finder.find(picture, name)
    face_px = fit_pose(landmarks).scale
    matte = _matte(picture, landmarks, face_px)
    plate = background_plate(picture, matte, face_px)
    return Portrait(
        name=name,
        picture=picture,
        landmarks=landmarks,
        matte=np.round(matte * 255).astype(np.uint8),
        foreground=foreground(picture, matte, plate),
        plate=plate,
        report=judge(picture, landmarks),
    )


def _fitted(photo: Image) -> Image:
    longest = max(photo.shape[:2])
    if longest <= _LONG_SIDE:
        return np.ascontiguousarray(photo)
    factor = _LONG_SIDE / longest
    size = (round(photo.shape[1] * factor), round(photo.shape[0] * factor))
    return resized(photo, size)


class _FaceFinder:
    """Finds the one face of a photo, small ones too."""

    def __init__(self) -> None:
        self._detector = FaceDetector(0.5)
        self._mesh = FaceMesh(0.5)

    def find(self, picture: Image, name: str) -> Landmarks:
        """(478, 3) landmarks; MediaError names what is wrong with the photo."""
        faces = self._detector.find(picture) or self._search(picture)
        looks = [(face, self._landmarks(picture, face)) for face in faces[:_CANDIDATES]]
        seen = [(face, landmarks) for face, landmarks in looks if landmarks is not None]
        if not seen:
            raise MediaError(
                f"{name}: no face found; use a picture with one face seen from the front,"
                " eyes visible"
            )
        face, landmarks = seen[0]
        if len(seen) > 1 and seen[1][0].size > _EQUAL * face.size:
            raise MediaError(
                f"{name}: two faces of about the same size; crop the picture to the one that"
                " shall move"
            )
        if face.size < MIN_FACE_PX:
            raise MediaError(
                f"{name}: the face is {face.size:.0f} px wide; at least {MIN_FACE_PX} are"
                f" needed, {_GOOD_FACE_PX} or more look sharp"
            )
        return landmarks

    def _landmarks(self, picture: Image, face: Box) -> Landmarks | None:
        """Mean over several crops: what one detection gets wrong by chance, the others do not."""
        found: list[Landmarks] = []
        for factor in _CROPS:
            rows, columns = face.around(factor, picture.shape)
            crop = np.ascontiguousarray(picture[rows, columns])
            self._mesh.forget()
            landmarks = self._mesh.settle(crop)
            if landmarks is not None:
                found.append(landmarks + np.array([columns.start, rows.start, 0], np.float32))
        return np.mean(found, 0).astype(np.float32) if found else None

    def _search(self, picture: Image) -> list[Box]:
        """Look in overlapping tiles, larger ones first: a face small in the picture."""
        height, width = picture.shape[:2]
        for part in _TILES:
            side = int(part * min(height, width))
            if side < 2 * MIN_FACE_PX:
                break
            found: list[Box] = []
            for y in range(0, height - side // 2, side // 2):
                for x in range(0, width - side // 2, side // 2):
                    tile = np.ascontiguousarray(picture[y : y + side, x : x + side])
                    faces = [f for f in self._detector.find(tile) if f.size > _LEAST_TILE * side]
                    found += [Box(f.x + x, f.y + y, f.size) for f in faces]
            if found:
                return _distinct(found)
        return []

    def close(self) -> None:
        """Free the graphs."""
        self._detector.close()
        self._mesh.close()


def _distinct(faces: list[Box]) -> list[Box]:
    kept: list[Box] = []
    for face in sorted(faces, key=lambda f: -f.size):
        if all(np.hypot(face.x - k.x, face.y - k.y) > 0.5 * k.size for k in kept):
            kept.append(face)
    return kept


def _matte(picture: Image, landmarks: Landmarks, face_px: float) -> Mask:
    """(H, W) 0-1: the person. Segmented once over the picture and once, finer, around the head."""
    solution: Any = solutions.selfie_segmentation
    with quiet_stderr(), solution.SelfieSegmentation(model_selection=0) as model:
        rough = np.array(model.process(picture).segmentation_mask, np.float32)
        rows, columns = box_of(landmarks).around(3.2, picture.shape)
        head = np.ascontiguousarray(picture[rows, columns])
        near = np.array(model.process(head).segmentation_mask, np.float32)
    blend = _feather((near.shape[0], near.shape[1]), 0.15)
    rough[rows, columns] += (near - rough[rows, columns]) * blend
    face = np.zeros(picture.shape[:2], np.uint8)
    middle = landmarks[:POINTS, :2].mean(0)
    firm = middle + (landmarks[:POINTS, :2] - middle) * _FIRM
    fill_hull(face, firm.astype(np.int32))
    matte = np.maximum(refined_matte(picture, rough, face_px), face)
    return _person_only(matte.astype(np.float32), face)


def _feather(shape: tuple[int, int], part: float) -> Mask:
    def ramp(n: int) -> Mask:
        x = np.minimum(np.arange(n), np.arange(n)[::-1]) / max(part * n, 1)
        return np.clip(x, 0, 1).astype(np.float32)

    return np.outer(ramp(shape[0]), ramp(shape[1])).astype(np.float32)


def _person_only(matte: Mask, face: Image) -> Mask:
    """Drop parts that are not joined to the face: other people, things in the background."""
    count, labels = cv2.connectedComponents((matte > 0.3).astype(np.uint8))
    if count <= 2:
        return matte
    own = np.bincount(labels[face > 0], minlength=count).argmax()
    keep = dilated((labels == own).astype(np.uint8), square(9))
    return matte * keep


def judge(picture: Image, landmarks: Landmarks) -> FaceReport:
    """What is good and bad about this photo, with advice."""
    pose = fit_pose(landmarks)
    points = pose.to_head(landmarks)
    yaw, pitch, roll = euler_deg(pose.rotation)
    sharp = _sharpness(picture, landmarks)
    width = float(np.ptp(landmarks[:POINTS, 0]))
    gap = lip_gap(points)
    opened = float(eye_ratio(points).mean())
    glasses = _has_glasses(picture, landmarks)
    advice: list[tuple[float, str]] = []
    if width < _GOOD_FACE_PX:
        lost = 40 * (1 - width / _GOOD_FACE_PX)
        advice.append(
            (lost, f"the face is {width:.0f} px wide; {_GOOD_FACE_PX} or more looks sharp")
        )
    if abs(yaw) > 8 or abs(pitch) > 12:
        lost = min(30.0, abs(yaw) + max(0.0, abs(pitch) - 12))
        turned = max(abs(yaw), abs(pitch))
        advice.append((lost, f"the head is turned by {turned:.0f} degrees; look into the camera"))
    if sharp < 0.35:
        advice.append(
            (25 * (1 - sharp / 0.35), "the face is blurred; use a sharper photo or more light")
        )
    if gap > 0.05:
        advice.append((8, "the mouth is open; a photo with closed lips moves best"))
    if opened < 0.2:
        advice.append((12, "the eyes are almost shut; a photo with open eyes shows the gaze"))
    if glasses:
        advice.append((6, "glasses bend with the brows; a photo without them moves better"))
    quality = round(max(0.0, 100 - sum(lost for lost, _ in advice)))
    return FaceReport(
        face_width_px=round(width, 1),
        yaw_deg=round(yaw, 1),
        pitch_deg=round(pitch, 1),
        roll_deg=round(roll, 1),
        sharpness=round(sharp, 2),
        mouth="open" if gap > 0.05 else "shut",
        glasses=glasses,
        quality=quality,
        advice=tuple(text for _, text in sorted(advice, reverse=True)),
    )


def _sharpness(picture: Image, landmarks: Landmarks) -> float:
    """0-1 fine detail of the face: 95th percentile of the Laplacian over the contrast."""
    low = np.maximum(landmarks[:POINTS, :2].min(0).astype(int), 0)
    high = landmarks[:POINTS, :2].max(0).astype(int)
    face = grey(picture[low[1] : high[1], low[0] : high[0]])
    contrast = max(float(face.std()), 1.0)
    detail = np.abs(laplacian(face, 3))
    return float(np.clip(np.percentile(detail, 95) / contrast / 1.6, 0, 1))


def _has_glasses(picture: Image, landmarks: Landmarks) -> bool:
    """Whether a frame crosses the bridge of the nose: skin is smooth, a frame has edges."""
    luma = grey(picture)
    width = float(np.linalg.norm(landmarks[133, :2] - landmarks[362, :2]))
    inner = [landmarks[eye.corners, :2] for eye in eyes()]
    x, y = np.mean([c[np.argmin(np.abs(c[:, 0] - landmarks[168, 0]))] for c in inner], 0)
    half, tall = 0.18 * width, 0.55 * width
    part = luma[
        max(0, int(y - tall)) : int(y + 0.5 * tall), max(0, int(x - half)) : int(x + half) + 1
    ]
    if part.shape[0] < 6 or part.shape[1] < 3:
        return False
    column: Array = part.mean(1)
    smooth = cv2.GaussianBlur(column[:, None], (1, 0), 0.02 * width + 0.5)
    step = np.abs(np.diff(np.asarray(smooth, np.float32)[:, 0]))
    return bool(step.max() / max(float(np.median(part)), 20.0) * width > 4.0)
