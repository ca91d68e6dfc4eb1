"""Cross identity: a portrait driven by another person; and a driver who holds still."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from engines import scores
from streamer.animate import Track
from streamer.clock import SECOND
from streamer.config import Config, GainsConfig, LimitsConfig, RetargetConfig
from streamer.frame import Image, Landmarks
from streamer.portrait import Portrait
from streamer.retarget.calibration import Calibration, calibrate
from streamer.stages import Tracker
from tools.evaluation.clips import Footage
from tools.evaluation.matte import background_mask
from tools.evaluation.measure import follow, jitter_ratio, mean, trace
from tools.evaluation.opinions import Opinions
from tools.evaluation.painters import PLAIN, Refiner, drawn
from tools.evaluation.same import Judgement, OpenTracker, match_size

FULL_HEAD = Config(retarget=RetargetConfig(gains=GainsConfig(head=1)), generator=PLAIN)
"""The defaults, but the head turns as far as the driver's, so that its error means something."""

_NOISE = 4.0
_FROZEN_FPS = 30
_FROZEN_FRAMES = 90
_IDENTITY_EVERY = 10


@dataclass(frozen=True, slots=True)
class Cast:
    """Who drives whom, and what else is needed to judge it."""

    portrait: Portrait
    footage: Footage
    frames: range
    """those of the clip that drive; its neutral face is looked for in all"""
    limits: LimitsConfig
    refiner: Refiner | None = None
    opinions: Opinions = field(default_factory=Opinions)

    @property
    def track(self) -> Track:
        """The driver's face in these frames."""
        part = slice(self.frames.start, self.frames.stop)
        return Track(self.footage.times_ns[part], self.footage.landmarks[part])


def judge_cross(cast: Cast, open_tracker: OpenTracker, on_frame: Callable[[], None]) -> Judgement:
    """Animate the portrait with the clip, as the program does, and measure the result.

    All pictures are kept, by the clip's frame.
    """
    track = cast.track
    calibration = calibrate(cast.footage.landmarks)
    pictures: list[Image] = []
    found: list[Landmarks | None] = []
    with open_tracker() as tracker:
        still = still_face(cast.portrait.picture, tracker)
        for picture in drawn(cast.portrait, track, FULL_HEAD, calibration, cast.refiner):
            pictures.append(picture)
            found.append(tracker.track(picture))
            on_frame()
    neutral = calibration.pose.to_picture(calibration.points)
    driver, output = trace(track.landmarks, neutral), trace(found, still)
    result = (
        follow(driver, output, cast.limits)
        | {"jitter": jitter_ratio(track.landmarks, found)}
        | _looks(cast.portrait.picture, still, pictures, found)
        | _likeness(cast, pictures, found)
    )
    return Judgement(result, dict(zip(cast.frames, pictures, strict=True)))


def still_face(picture: Image, tracker: Tracker) -> Landmarks:
    """The landmarks of a still picture as tracking settles on them.

    So the portrait and its moving pictures share one detector's bias.
    """
    face = None
    for _ in range(3):
        face = tracker.track(picture)
    if face is None:
        raise LookupError("the tracker sees no face in a portrait that was enrolled")
    return face


def _looks(
    source: Image, still: Landmarks, pictures: Sequence[Image], found: Sequence[Landmarks | None]
) -> dict[str, float]:
    crisp = scores.sharpness(source, still)
    seen = [(p, face) for p, face in zip(pictures, found, strict=True) if face is not None]
    source = match_size(source, pictures[0])
    background = background_mask(source)
    return {
        "sharpness": mean([scores.sharpness(p, face) / crisp for p, face in seen]),
        "background": mean([scores.background_motion(p, source, background) for p in pictures]),
    }


def _likeness(
    cast: Cast, pictures: Sequence[Image], found: Sequence[Landmarks | None]
) -> dict[str, float]:
    model = cast.opinions.identity
    if model is None:
        return {}
    me = model.embed(cast.portrait.picture, cast.portrait.landmarks)
    driver = model.embed(cast.footage.pictures[cast.footage.source], cast.footage.neutral)
    chosen = [(p, f) for p, f in zip(pictures, found, strict=True) if f is not None]
    vectors = [model.embed(p, f) for p, f in chosen[::_IDENTITY_EVERY]]
    return {
        "identity": mean([float(v @ me) for v in vectors]),
        "leak": mean([float(v @ driver) for v in vectors]) - float(me @ driver),
    }


def judge_frozen(
    cast: Cast, open_tracker: OpenTracker, on_frame: Callable[[], None]
) -> dict[str, float]:
    """The driver's neutral frame again and again with fresh noise: what moves is our own shake."""
    noisy = _noisy(cast.footage.pictures[cast.footage.source])
    with open_tracker() as tracker:
        track = [face for face in map(tracker.track, noisy) if face is not None]
    times = tuple(i * SECOND // _FROZEN_FPS for i in range(len(track)))
    pictures: list[Image] = []
    found: list[Landmarks] = []
    with open_tracker() as tracker:
        neutral = Calibration.of(cast.footage.neutral)
        shown = Track(times, tuple(track))
        for picture in drawn(cast.portrait, shown, FULL_HEAD, neutral, cast.refiner):
            pictures.append(picture)
            face = tracker.track(picture)
            found.extend([] if face is None else [face])
            on_frame()
    return {
        "tremble_px": _tremble(found, pictures[0]),
        "frame_difference": _flicker(pictures),
        "driver_tremble_px": _tremble(track, noisy[0]),
        "driver_frame_difference": _flicker(noisy),
    }


def _noisy(picture: Image) -> list[Image]:
    random = np.random.default_rng(0)
    frames = (random.normal(0, _NOISE, picture.shape) + picture for _ in range(_FROZEN_FRAMES))
    return [np.clip(np.round(frame), 0, 255).astype(np.uint8) for frame in frames]


def _tremble(track: Sequence[Landmarks], picture: Image) -> float:
    return scores.tremble(track, _FROZEN_FPS) * 512 / max(picture.shape[:2])


def _flicker(pictures: Sequence[Image]) -> float:
    pairs = pairwise(picture.astype(np.int16) for picture in pictures)
    return mean([float(np.abs(a - b).mean()) for a, b in pairs])
