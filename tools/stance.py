"""One portrait in the poses and expressions of the gallery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines.geometry import POINTS, canonical, euler_deg, eyes, fit_pose, from_euler_deg
from engines.scores import eye_aperture
from streamer.clock import MS
from streamer.config import GeneratorConfig, RetargetConfig, TrackerConfig
from streamer.enroll import enroll
from streamer.errors import ConfigError
from streamer.frame import Array, Image, Landmarks, Motion
from streamer.generator import open_generator
from streamer.picture import read_picture
from streamer.portrait import Portrait
from streamer.retarget import open_retargeter
from streamer.retarget.calibration import Calibration, calibrate
from streamer.tracker import open_tracker
from streamer.video import Clip
from tools.sheet import square_around

HEAD = 2.1
"""Side of a cell in face sizes."""

_STRONG_SMILE = 0.13
"""How much wider a strong smile makes the mouth, in face widths; a weaker one is enlarged."""
_HIGH_BROWS = 0.06
"""How far raised brows rise, in face widths."""
_BROW_REACH = 0.12
_MOST = 2.0

_SETTLE = 60
_STEP_NS = 33 * MS
_FRONTAL_DEG = 16.0


@dataclass(frozen=True, slots=True)
class Actor:
    """The faces of the bundled clip that the gallery's expressions come from."""

    calibration: Calibration
    mouth: Landmarks
    smile: Landmarks


def load_actor(path: Path) -> Actor:
    """Track the clip and pick its widest mouth and its broadest smile."""
    with Clip(path) as clip, open_tracker(TrackerConfig()) as tracker:
        seen = [tracker.track(image) for _, image in clip.frames()]
    calibration = calibrate(seen)
    faces = [
        (face, fit_pose(face).to_head(face) - calibration.points)
        for face in seen
        if face is not None and _frontal(face)
    ]
    lids = float(np.median([eye_aperture(face) for face, _ in faces]))
    awake = [pair for pair in faces if eye_aperture(pair[0]) > 0.85 * lids]
    return Actor(
        calibration,
        max(awake, key=lambda pair: _gap(pair[1]))[0],
        max(awake, key=lambda pair: _smile(pair[1]))[0],
    )


def _frontal(face: Landmarks) -> bool:
    return abs(euler_deg(fit_pose(face).rotation)[0]) <= _FRONTAL_DEG


def _gap(moved: Landmarks) -> float:
    return float(moved[14, 1] - moved[13, 1])


def _smile(moved: Landmarks) -> float:
    """Corners out and up, lips not far apart."""
    wider = _width(moved)
    higher = float(-moved[61, 1] - moved[291, 1]) / 2
    return wider + higher - _gap(moved)


def _width(moved: Landmarks) -> float:
    return float(moved[291, 0] - moved[61, 0])


def pose_row(
    path: Path,
    actor: Actor,
    cell: int,
    columns: Sequence[str] | None = None,
    config: GeneratorConfig | None = None,
) -> dict[str, Image]:
    """The cells of one picture by name, its source first, all or some; MediaError if unusable.

    `config` of the generator: None is the warp alone.
    """
    portrait = enroll([read_picture(path)], path.stem)
    row = {"source": _head(portrait.picture, portrait, cell)}
    poses = motions(portrait, actor)
    for name in columns or ():
        if name not in poses:
            raise ConfigError(f"--columns {name!r}: the columns are {', '.join(poses)}")
    with open_generator(config or GeneratorConfig(refiner="off"), portrait) as generator:
        for name in columns or poses:
            row[name] = _head(generator.generate(poses[name]), portrait, cell)
    return row


def _head(picture: Image, portrait: Portrait, cell: int) -> Image:
    scale = np.float32(picture.shape[1] / portrait.picture.shape[1])
    return square_around(picture, portrait.landmarks * scale, HEAD, cell)


def motions(portrait: Portrait, actor: Actor) -> Mapping[str, Motion]:
    """Every pose of the gallery for one portrait, by name."""
    # At rest the portrait does what a driver at rest asks of it: parted lips may close.
    rest = _act(portrait, actor, actor.calibration.pose.to_picture(actor.calibration.points))
    mouth = _act(portrait, actor, actor.mouth)
    smile = _act(portrait, actor, actor.smile)
    return {
        "yaw +20": replace(rest, rotation=from_euler_deg(20, 0, 0)),
        "yaw -20": replace(rest, rotation=from_euler_deg(-20, 0, 0)),
        "pitch +12": replace(rest, rotation=from_euler_deg(0, 12, 0)),
        "pitch -12": replace(rest, rotation=from_euler_deg(0, -12, 0)),
        "roll 15": replace(rest, rotation=from_euler_deg(0, 0, 15)),
        "mouth open": mouth,
        "smile": _broader(smile),
        "eyes shut": replace(rest, openness=np.zeros(2, np.float32)),
        "gaze left": replace(rest, gaze=np.array([-0.45, 0], np.float32)),
        "brows up": replace(rest, deltas=rest.deltas + raised_brows()),
        "mouth open, yaw +20": replace(mouth, rotation=from_euler_deg(20, 0, 0)),
    }


def _broader(smile: Motion) -> Motion:
    gain = np.float32(np.clip(_STRONG_SMILE / max(_width(smile.deltas), 1e-6), 1, _MOST))
    return replace(smile, deltas=smile.deltas * gain)


def raised_brows() -> Array:
    """(468, 3) both brows up, the forehead with them and the lids hardly.

    The driver of the bundled clip never does it.
    """
    points, moved = canonical().points, np.zeros((POINTS, 3), np.float32)
    for eye in eyes():
        distance = np.linalg.norm(points[:, None, :2] - points[None, eye.brow, :2], axis=2).min(1)
        lids, brow = points[eye.corners, 1].mean(), points[eye.brow, 1].mean()
        above = np.clip((lids - points[:, 1]) / (lids - brow), 0, 1)
        moved[:, 1] -= _HIGH_BROWS * above * np.exp(-((distance / _BROW_REACH) ** 2))
    return moved


def still() -> Motion:
    """The motion that leaves the portrait as it is."""
    return Motion(
        rotation=np.eye(3, dtype=np.float32),
        translation=np.zeros(2, np.float32),
        scale=1.0,
        deltas=np.zeros((468, 3), np.float32),
        openness=np.ones(2, np.float32),
        gaze=np.zeros(2, np.float32),
        aperture=0.0,
        jaw=0.0,
    )


def _act(portrait: Portrait, actor: Actor, face: Landmarks) -> Motion:
    """The expression of `face` on the portrait, the head at rest.

    It is held until every filter has settled.
    """
    with open_retargeter(RetargetConfig(), portrait, actor.calibration) as retargeter:
        motion = still()
        for i in range(_SETTLE):
            motion = retargeter.retarget(face, i * _STEP_NS)
    rest = still()
    return replace(rest, deltas=motion.deltas, openness=motion.openness,
                   aperture=motion.aperture, jaw=motion.jaw)  # fmt: skip
