"""The driver's expression in the portrait's own proportions: regions, eyes, gaze, lips, jaw."""

from dataclasses import dataclass

import numpy as np

from engines.features import closed_lips
from engines.geometry import POINTS, canonical, eyes, lip_contour
from streamer.config import GainsConfig
from streamer.frame import Array
from streamer.retarget.calibration import Calibration
from streamer.retarget.measure import Proportions, eye_ratio, gaze_of, lip_gap, proportions
from streamer.retarget.pose import soft_limit

_REACH = 0.09
"""Distance from a region's own points, in face widths, at which its share has fallen to a third."""
_REST_SHARE = 0.15
"""What cheeks and nose claim of every point."""

_WINK = 0.35
"""Difference in openness beyond which the eyes are believed to differ."""
_WINK_FRAMES = 3
_SNAP_SHUT, _RELEASE = 0.12, 0.20
_GAZE_LIMIT = np.array([0.55, 0.35], np.float32)
_GAZE_HELD_BELOW = 0.3
_NEAR_EYE_ONLY_DEG = 20.0
_BROW_LIMIT = 0.35
_APERTURE_LIMIT = 0.55
_SMILE_LIMIT = 0.18


@dataclass(frozen=True, slots=True)
class Expression:
    """What a face does, apart from where the head is (fields as in `Motion`)."""

    deltas: Array
    openness: Array
    gaze: Array
    aperture: float
    jaw: float


def _jaw_drop(deltas: Array) -> float:
    """Face widths the lower teeth go down: as the lower lip; the chin shows only a part."""
    chin = float(deltas[152, 1] - deltas[2, 1])
    lip = float(deltas[14, 1] - deltas[2, 1])
    return max(0.0, 0.5 * chin + 0.5 * lip)


def region_masks() -> dict[str, Array]:
    """(468,) share of each region in each point; they add up to 1. The last one is "cheeks"."""
    lids = [np.concatenate([eye.contour, eye.upper_ring, eye.lower_ring]) for eye in eyes()]
    own = {
        "mouth": np.concatenate([lip_contour(), [0, 17, 61, 291, 37, 267, 84, 314]]),
        "jaw": np.array([152, 148, 377, 176, 400, 149, 378, 175, 199]),
        "brows": np.concatenate([eye.brow for eye in eyes()]),
        "eyes": np.concatenate(lids),
    }
    flat = canonical().points[:, :2]
    raw: dict[str, Array] = {}
    for name, points in own.items():
        away = np.linalg.norm(flat[:, None] - flat[points], axis=2).min(1)
        raw[name] = np.exp(-((away / _REACH) ** 2)).astype(np.float32)
    raw["cheeks"] = np.full(POINTS, _REST_SHARE, np.float32)
    total = np.sum(list(raw.values()), 0)
    return {name: (mask / total).astype(np.float32) for name, mask in raw.items()}


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is read off a driver's neutral face, once."""

    calibration: Calibration
    sizes: Proportions
    closed: Array
    """(468, 3) the neutral face with closed lips"""

    @staticmethod
    def of(calibration: Calibration) -> "_Rest":
        points = calibration.points
        return _Rest(calibration, proportions(points), closed_lips(points[:POINTS]))


class Expressions:
    """Reads expressions of one driver for one portrait. Holds the hysteresis of lids and lips."""

    def __init__(self, portrait_points: Array, gains: GainsConfig) -> None:
        self.gains = gains
        self._portrait = proportions(portrait_points)
        self._masks = region_masks()
        self._rest: _Rest | None = None
        self._shut = np.zeros(2, bool)
        self._apart = False
        self._winking = 0
        self._gaze = np.zeros(2, np.float32)

    def show(self, portrait_points: Array) -> None:
        """Go on with another portrait; what the driver was doing is not forgotten."""
        self._portrait = proportions(portrait_points)

    def read(self, points: Array, yaw_deg: float, calibration: Calibration) -> Expression:
        """The expression of a driver's face (478, 3) in the head frame, seen at `yaw_deg`."""
        if self._rest is None or self._rest.calibration is not calibration:
            self._rest = _Rest.of(calibration)
        openness = self._openness(points, yaw_deg, calibration)
        deltas = self._deltas(points, self._rest)
        return Expression(
            deltas=deltas,
            openness=openness,
            gaze=self._gaze_of(points, openness, calibration),
            aperture=self._aperture(points, self._rest),
            jaw=_jaw_drop(deltas),
        )

    def _deltas(self, points: Array, rest: _Rest) -> Array:
        driver, portrait, gains = rest.sizes, self._portrait, self.gains
        face = portrait.face / driver.face
        height = portrait.height / driver.height
        lower = portrait.lower_face / driver.lower_face
        mouth = portrait.mouth / driver.mouth
        factors = {
            "mouth": (gains.mouth * mouth, gains.mouth * lower, gains.mouth * face),
            "jaw": (gains.jaw * face, gains.jaw * lower, gains.jaw * face),
            "brows": (
                gains.brows * face,
                gains.brows * portrait.brow / driver.brow,
                gains.brows * face,
            ),
            "eyes": (gains.eyes * face, gains.eyes * height, gains.eyes * face),
            "cheeks": (gains.cheeks * face, gains.cheeks * height, gains.cheeks * face),
        }
        scale = sum(
            (
                self._masks[name][:, None] * np.array(row, np.float32)
                for name, row in factors.items()
            ),
            np.zeros((POINTS, 3), np.float32),
        )
        deltas = (points[:POINTS] - rest.closed) * scale
        return self._limited(deltas)

    def _limited(self, deltas: Array) -> Array:
        """Bend what no face does: brows beyond a third of their distance, too wide smiles."""
        brow = _BROW_LIMIT * self._portrait.brow
        size = np.abs(deltas[:, 1])
        over = np.maximum(size - 0.6 * brow, 0) / (0.4 * brow)
        held = np.sign(deltas[:, 1]) * (np.minimum(size, 0.6 * brow) + 0.4 * brow * np.tanh(over))
        deltas[:, 1] += self._masks["brows"] * (held - deltas[:, 1])
        size = np.linalg.norm(deltas[:, :2], axis=1, keepdims=True)
        room = 2 * _SMILE_LIMIT
        over = np.maximum(size - _SMILE_LIMIT, 0)
        allowed = np.minimum(size, _SMILE_LIMIT) + room * np.tanh(over / room)
        deltas[:, :2] *= allowed / np.maximum(size, 1e-6)
        return deltas

    def _openness(self, points: Array, yaw_deg: float, calibration: Calibration) -> Array:
        ratio = eye_ratio(points)
        shut, opened = calibration.eye_shut, calibration.eye_open
        wide = ratio / np.maximum(opened, 1e-3)
        value = np.where(wide > 1, wide, (ratio - shut) / np.maximum(opened - shut, 1e-3))
        value = np.clip(value, 0, 1.6)
        if abs(yaw_deg) > _NEAR_EYE_ONLY_DEG:
            value[:] = value[1] if yaw_deg > 0 else value[0]
        self._winking = self._winking + 1 if abs(value[0] - value[1]) > _WINK else 0
        if self._winking < _WINK_FRAMES:
            value[:] = value.mean()
        self._shut = np.where(self._shut, value < _RELEASE, value < _SNAP_SHUT)
        eased = 1 + (value - 1) * self.gains.eyes
        return np.where(self._shut, 0, np.clip(eased, 0, 1.6)).astype(np.float32)

    def _gaze_of(self, points: Array, openness: Array, calibration: Calibration) -> Array:
        if openness.max() >= _GAZE_HELD_BELOW:
            gaze = (gaze_of(points) - calibration.gaze) * self.gains.gaze
            self._gaze = (_GAZE_LIMIT * np.tanh(gaze / _GAZE_LIMIT)).astype(np.float32)
        return self._gaze

    def _aperture(self, points: Array, rest: _Rest) -> float:
        """Lip distance in mouth widths of the portrait: 0 on contact, true beyond twice that."""
        gap, touch = lip_gap(points), rest.calibration.lips_touch
        self._apart = gap > (touch if self._apart else 1.4 * touch)
        if not self._apart:
            return 0.0
        opening = min(1.0, (gap - touch) / touch)
        width = float(np.linalg.norm(points[61] - points[291]))
        ratio = self._portrait.lower_face / rest.sizes.lower_face / self._portrait.mouth
        wide = gap * opening * width * ratio * self.gains.mouth
        return soft_limit(wide, 0.6 * _APERTURE_LIMIT, _APERTURE_LIMIT)
