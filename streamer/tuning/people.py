"""A person at another moment: as a portrait, and the motion that leads there."""

from dataclasses import dataclass

import numpy as np

from engines.features import closed_lips, lip_gaps, place_lids, place_lips
from engines.geometry import POINTS, fit_pose
from engines.layers import background_plate, foreground
from streamer.frame import Array, Image, Landmarks, Motion
from streamer.portrait import FaceReport, Portrait
from streamer.retarget.look import Look, look
from streamer.retarget.measure import gaze_of
from streamer.retarget.pose import NECK, head_shift

_TOUCH = 0.025
"""Lips nearer than this part of the mouth's width touch, as in a driver's calibration."""
_SHUT = 0.3
"""A shut eye's ratio, as a part of the open eye's."""
_WIDEST, _WINK = 2.5, 0.35
_GAZE = np.array([0.55, 0.35], np.float32)
_UNKNOWN = FaceReport(0, 0, 0, 0, 0, "shut", glasses=False, quality=0, advice=())


@dataclass(frozen=True, slots=True)
class Moment:
    """One picture of a person, as the tracker sees it."""

    picture: Image
    landmarks: Landmarks


def portrait_of(picture: Image, matte: Image, landmarks: Landmarks, name: str) -> Portrait:
    """The portrait that enrollment makes of these, without looking for the face again."""
    share = matte.astype(np.float32) / 255
    plate = background_plate(picture, share, fit_pose(landmarks).scale)
    front = foreground(picture, share, plate)
    return Portrait(name, picture, landmarks, matte, front, plate, _UNKNOWN)


def motion_between(portrait: Portrait, rest: Look, now: Look) -> Motion:
    """What leads the portrait from how its face looked at `rest` to how it looks `now`, in full.

    Nothing is limited, scaled or filtered: driver and portrait are one person.
    """
    deltas = now.points[:POINTS] - closed_lips(rest.points[:POINTS])
    chin = float(deltas[152, 1] - deltas[2, 1])
    lip = float(deltas[14, 1] - deltas[2, 1])
    return Motion(
        rotation=(rest.pose.rotation.T @ now.pose.rotation).astype(np.float32),
        translation=head_shift(rest.pose, now.pose).astype(np.float32),
        scale=now.pose.scale / rest.pose.scale,
        deltas=deltas,
        openness=_openness(rest, now),
        gaze=np.clip(gaze_of(now.points) - gaze_of(rest.points), -_GAZE, _GAZE),
        aperture=aperture(portrait, now),
        jaw=max(0.0, 0.5 * chin + 0.5 * lip),
    )


def _openness(rest: Look, now: Look) -> Array:
    opened = np.maximum(rest.eyes, 1e-3)
    wide = now.eyes / opened
    value = np.where(wide > 1, wide, (wide - _SHUT) / (1 - _SHUT))
    value = np.clip(value, 0, _WIDEST)
    if abs(value[0] - value[1]) < _WINK:
        value[:] = value.mean()
    return np.where(value < 0.12, 0, value).astype(np.float32)


def aperture(portrait: Portrait, now: Look) -> float:
    """Distance of the inner lips in mouth widths of the portrait; 0 when they touch."""
    if now.lips <= _TOUCH:
        return 0.0
    gap = float(lip_gaps(now.points[:POINTS])[4])
    opening = min(1.0, (now.lips - _TOUCH) / _TOUCH)
    return max(0.0, gap * opening) / _mouth_width(portrait)


def _mouth_width(portrait: Portrait) -> float:
    return float(np.linalg.norm(portrait.shut[61] - portrait.shut[291]))


def moved_landmarks(portrait: Portrait, motion: Motion, depth: float = 1.0) -> Landmarks:
    """(478, 3) where a motion leads the portrait's landmarks, as the generator moves them.

    `depth` makes the face deeper or flatter than it is.
    """
    pose, own = portrait.pose, portrait.points
    face = place_lips(
        portrait.shut + motion.deltas,
        np.array(motion.aperture * _mouth_width(portrait), np.float32),
    )
    face = place_lids(face, own[:POINTS], motion.openness)
    moved = np.concatenate([face, own[POINTS:]])
    moved[POINTS:, :2] += motion.gaze * 0.5 * np.linalg.norm(own[33, :2] - own[133, :2])
    away = np.array([1, 1, depth], np.float32)
    rotation = pose.rotation @ motion.rotation
    scale = pose.scale * motion.scale
    shift = np.append(motion.translation, 0) * pose.scale
    neck = pose.translation + pose.scale * pose.rotation @ NECK + shift
    translation = neck - scale * (rotation @ NECK)
    return ((moved * away) @ rotation.T * scale + translation).astype(np.float32)


def seen(landmarks: Landmarks) -> Look:
    """The face, measured."""
    return look(landmarks)
