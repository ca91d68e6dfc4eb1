"""The same still, but the head turned, the lips pressed shut, the lids half closed, out of focus.

The warp that undoes it leaves the mistakes that a warp makes; the still itself is the truth.
Several kinds of warp, or the net would learn to undo one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from engines.geometry import OVAL, POINTS, Floats, eyes, fit_pose, from_euler_deg, lip_contour
from engines.vision import blurred, resized
from streamer.config import GeneratorConfig
from streamer.frame import Array, Image, Motion
from streamer.generator.composite import WarpGenerator
from streamer.portrait import Portrait
from streamer.tuning.people import moved_landmarks, portrait_of

_cv2, _rbf = cast("Any", cv2), cast("Any", RBFInterpolator)
_TURN_DEG = np.array([15.0, 10.0, 8.0])
"""Farthest yaw, pitch and roll."""
_CELLS = 40
"""The warp is computed at so many places along each side, and smooth between them."""
_FIRM = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 33, 133, 362, 263, 61, 291, 152, 234, 454)


@dataclass(frozen=True, slots=True)
class Disguise:
    """What was done to a still."""

    motion: Motion
    kind: str
    """the family of the warp"""


def drawn_lots(portrait: Portrait, bank: Sequence[Array], rng: np.random.Generator) -> Disguise:
    """A disguise by chance. `bank` holds what faces do, as deltas (468, 3) from shut lips."""
    turn = np.clip(rng.normal(0, 0.5, 3), -1, 1) * _TURN_DEG
    own = portrait.points[:POINTS] - portrait.shut
    gap = float(np.linalg.norm(portrait.points[13] - portrait.points[14]))
    width = float(np.linalg.norm(portrait.shut[61] - portrait.shut[291]))
    lips = rng.random()
    deltas, aperture = np.zeros_like(own), 0.0
    if lips < 0.3:
        deltas, aperture = own, gap / width
    elif lips < 0.55 and bank:
        deltas = bank[int(rng.random() * len(bank))] * np.float32(rng.uniform(0.5, 1))
        aperture = max(0.0, float(deltas[14, 1] - deltas[13, 1])) / width
        aperture = aperture if aperture > 0.03 else 0.0
    lids = rng.random()
    openness = 1.0 if lids < 0.45 else rng.uniform(0.35, 1.0) if lids < 0.9 else rng.uniform(1, 1.2)
    motion = Motion(
        rotation=from_euler_deg(*(float(angle) for angle in turn)),
        translation=rng.normal(0, 0.03, 2).astype(np.float32),
        scale=float(rng.uniform(0.95, 1.05)),
        deltas=deltas,
        openness=np.full(2, openness, np.float32),
        gaze=rng.normal(0, 0.08, 2).astype(np.float32),
        aperture=aperture,
        jaw=max(0.0, float(deltas[152, 1] - deltas[2, 1])),
    )
    kind = ("mesh", "plate", "points")[int(rng.choice(3, p=(0.4, 0.35, 0.25)))]
    return Disguise(motion, kind)


def disguised(portrait: Portrait, worn: Disguise, rng: np.random.Generator) -> Portrait:
    """The portrait as it would be had the photo been taken so."""
    if worn.kind == "mesh":
        picture, matte, landmarks = _by_mesh(portrait, worn.motion)
    else:
        picture, matte, landmarks = _by_points(portrait, worn, rng)
    picture = worsened(picture, rng)
    return portrait_of(picture, matte, landmarks, portrait.name)


def _by_mesh(portrait: Portrait, motion: Motion) -> tuple[Image, Image, Array]:
    """As the product itself does it, against the background that it assumes."""
    size = max(portrait.width, portrait.height)
    generator = WarpGenerator(GeneratorConfig(size=max(64, size)), portrait)
    picture = generator.generate(motion)
    white = np.zeros_like(picture)
    matte = generator.generate(motion, generator.on(white, silhouette=True))[..., 0]
    landmarks = generator.canvas.place(moved_landmarks(portrait, motion))
    return picture, np.ascontiguousarray(matte), landmarks


def _by_points(
    portrait: Portrait, worn: Disguise, rng: np.random.Generator
) -> tuple[Image, Image, Array]:
    """A smooth map through some points of face, hair and border, the face too deep or too flat."""
    moved = moved_landmarks(portrait, worn.motion, float(rng.uniform(0.6, 1.5)))
    old, new = _controls(portrait, moved, rng, few=worn.kind == "points")
    forth = _rbf(old, new - old, smoothing=1.0)
    where = portrait.landmarks[:, :2].astype(np.float64)
    landmarks = np.column_stack([where + forth(where), moved[:, 2]]).astype(np.float32)
    back = _rbf(new, old - new, smoothing=1.0)
    height, width = portrait.height, portrait.width
    across, down = np.linspace(0, width - 1, _CELLS), np.linspace(0, height - 1, _CELLS)
    coarse = np.stack(np.meshgrid(across, down), -1)
    places = coarse + back(coarse.reshape(-1, 2)).reshape(coarse.shape)
    steps = [np.linspace(0, _CELLS - 1, n, dtype=np.float32) for n in (width, height)]
    x, y = np.meshgrid(*steps)
    fine = _cv2.remap(places.astype(np.float32), x, y, cv2.INTER_LINEAR)
    options = (None, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)
    return (
        _cv2.remap(portrait.picture, fine, *options),
        _cv2.remap(portrait.matte, fine, *options),
        landmarks,
    )


def _controls(
    portrait: Portrait, moved: Array, rng: np.random.Generator, *, few: bool
) -> tuple[Floats, Floats]:
    """(n, 2) points before and after: some of the face, a ring of hair and neck, the border."""
    own = portrait.landmarks
    chosen = set(_FIRM)
    if not few:
        lids = np.concatenate([eye.contour for eye in eyes()])
        chosen |= {int(i) for i in (*lip_contour(), *lids)}
        chosen |= {int(i) for i in rng.choice(POINTS, 90, replace=False)}
    index = sorted(chosen)
    rigid = fit_pose(own, portrait.points[:POINTS]), fit_pose(moved, portrait.points[:POINTS])
    outline = portrait.points[list(OVAL)[:: 3 if few else 2]]
    middle = portrait.points[list(OVAL)].mean(0)
    old, new = [own[index, :2]], [moved[index, :2]]
    for far, share in ((1.35, rng.uniform(0.8, 1)), (2.1, rng.uniform(0, 0.35))):
        ring = middle + (outline - middle) * np.float32(far)
        before, after = (pose.to_picture(ring)[:, :2] for pose in rigid)
        down = np.clip((ring[:, 1] - 0.45) / 0.3, 0, 1)[:, None]
        old.append(before)
        new.append(before + (after - before) * (share * (1 - 0.8 * down)))
    width, height = portrait.width, portrait.height
    x, y = np.linspace(-0.4, 1.4, 7) * width, np.linspace(-0.4, 1.4, 7) * height
    border = [(a, b) for a in x for b in y if a in (x[0], x[-1]) or b in (y[0], y[-1])]
    before = np.concatenate([*old, np.array(border)]).astype(np.float64)
    after = np.concatenate([*new, np.array(border)]).astype(np.float64)
    return before, after


def worsened(picture: Image, rng: np.random.Generator) -> Image:
    """Less sharp, of fewer pixels, or compressed, as the pictures of users are."""
    if rng.random() < 0.4:
        picture = blurred(picture, float(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.3:
        height, width = picture.shape[:2]
        part = rng.uniform(0.5, 0.9)
        small = resized(picture, (round(width * part), round(height * part)))
        picture = resized(small, (width, height), cv2.INTER_CUBIC)
    if rng.random() < 0.4:
        coded = _cv2.imencode(
            ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(50, 92))]
        )[1]
        picture = _cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(picture)
