"""A clip as an item: the frames that differ most, and a few that can serve as the portrait."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.geometry import euler_deg, fit_pose
from engines.scores import eye_aperture, lip_aperture
from streamer.clock import MS
from streamer.config import TrackerConfig
from streamer.enroll import enroll
from streamer.errors import MediaError
from streamer.frame import Array, Image, Landmarks
from streamer.retarget.look import believed
from streamer.tracker import open_tracker
from streamer.video import Clip
from tools.packing.crop import Crop, crop_of
from tools.packing.item import Item, Origin, encoded
from tools.packing.stills import MOST_TURNED_DEG, check_face

SECONDS = 30.0
FRAMES, EXTREMES, SOURCES = 64, 8, 8
"""Frames kept per clip spread over time, more of each extreme, and how many can be portraits."""
_LEAST_FACE_PX = 60.0
_LEAST_FRAMES = 8
_OFF = 0.45
"""A face farther from the middle of its clip's, in face widths, would leave the crop."""
_GROWN = 1.35


@dataclass(frozen=True, slots=True)
class _Seen:
    """One frame with a face."""

    at_ms: int
    picture: Image
    face: Landmarks


def clip_item(path: Path, origin: Origin) -> Item:
    """The item of one clip. MediaError says why it cannot be used."""
    seen = _track(path)
    if len(seen) < _LEAST_FRAMES:
        raise MediaError(f"{path.name}: a usable face in {len(seen)} frames only")
    crop = crop_of([one.face for one in seen], seen[0].picture.shape)
    kept = _steady(seen)
    chosen = _chosen(kept)
    frames = [kept[i] for i in chosen]
    sources, mattes, enrolled = _portraits(frames, crop, path.name)
    if not sources:
        raise MediaError(f"{path.name}: no frame can serve as a portrait")
    return Item(
        origin=origin,
        frames=tuple(encoded(crop.picture(one.picture), "JPEG") for one in frames),
        landmarks=np.stack([crop.place(one.face) for one in frames]),
        times_ms=np.array([one.at_ms for one in frames], np.int64),
        sources=tuple(sources),
        mattes=tuple(mattes),
        enrolled=np.stack(enrolled),
    )


def _track(path: Path) -> list[_Seen]:
    """Frames whose face is found, large enough and not turned away."""
    found: list[_Seen] = []
    shape: tuple[int, ...] | None = None
    with open_tracker(TrackerConfig()) as tracker, Clip(path, duration_s=SECONDS) as clip:
        for at_ns, picture in clip.frames():
            face = tracker.track(picture)
            shape = shape or picture.shape
            if face is None or picture.shape != shape or not _usable(face):
                continue
            found.append(_Seen(at_ns // MS, picture, face))
    return found


def _usable(face: Landmarks) -> bool:
    look = believed(face)
    if look is None or look.pose.scale < _LEAST_FACE_PX:
        return False
    yaw, pitch, _ = euler_deg(look.pose.rotation)
    return max(abs(yaw), abs(pitch)) <= MOST_TURNED_DEG


def _steady(seen: Sequence[_Seen]) -> list[_Seen]:
    """Those near the middle of all: where a cut leads elsewhere, the rest is left out."""
    poses = [fit_pose(one.face) for one in seen]
    places: Array = np.array([pose.translation[:2] for pose in poses])
    sizes: Array = np.array([pose.scale for pose in poses], np.float32)
    middle, size = np.median(places, 0), float(np.median(sizes))
    away = np.linalg.norm(places - middle, axis=1) / size
    grown = np.maximum(sizes / size, size / sizes)
    return [one for one, a, g in zip(seen, away, grown, strict=True) if a < _OFF and g < _GROWN]


def _chosen(seen: Sequence[_Seen]) -> list[int]:
    """Frames spread over time, and the widest mouths, shut eyes and farthest turns."""
    yaws = np.array([euler_deg(fit_pose(one.face).rotation)[0] for one in seen])
    lips = np.array([lip_aperture(one.face) for one in seen])
    eyes = np.array([eye_aperture(one.face) for one in seen])
    spread = np.linspace(0, len(seen) - 1, min(FRAMES, len(seen))).round().astype(int)
    chosen = {int(i) for i in spread}
    for measure in (lips, -lips, -eyes, yaws, -yaws):
        chosen |= set(_apart(measure, EXTREMES))
    return sorted(chosen)


def _apart(measure: NDArray[np.float64], count: int) -> list[int]:
    """The frames where the measure is greatest, not all of them neighbours."""
    gap = max(1, len(measure) // (8 * count))
    left = measure.astype(np.float64).copy()
    found: list[int] = []
    for _ in range(count):
        best = int(left.argmax())
        if left[best] == -np.inf:
            break
        found.append(best)
        left[max(0, best - gap) : best + gap + 1] = -np.inf
    return found


def _portraits(
    frames: Sequence[_Seen], crop: Crop, name: str
) -> tuple[list[int], list[bytes], list[Landmarks]]:
    """Frames in which enrollment finds a good face, their mattes and their landmarks."""
    eyes = np.array([eye_aperture(one.face) for one in frames])
    awake = np.flatnonzero(eyes >= 0.7 * np.median(eyes))
    tried = awake[np.linspace(0, len(awake) - 1, min(SOURCES, len(awake))).round().astype(int)]
    sources: list[int] = []
    mattes: list[bytes] = []
    enrolled: list[Landmarks] = []
    for number in sorted({int(i) for i in tried}):
        try:
            photo = enroll([frames[number].picture], name)
            check_face(photo.report, name)
        except MediaError:
            continue
        sources.append(number)
        mattes.append(encoded(crop.picture(photo.matte), "PNG"))
        enrolled.append(crop.place(photo.landmarks))
    return sources, mattes, enrolled
