"""Same identity: one frame of a clip, driven by the rest of it, against the clip itself."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import scores
from streamer.config import Config, GainsConfig, LimitsConfig, RetargetConfig
from streamer.frame import Image, Landmarks
from streamer.stages import Tracker
from tools.evaluation import baselines
from tools.evaluation.clips import Footage
from tools.evaluation.measure import follow, jitter_ratio, mean, trace

OpenTracker = Callable[[], AbstractContextManager[Tracker]]

SAME_PERSON = Config(
    retarget=RetargetConfig(
        gains=GainsConfig(head=1, shift=1, mouth=1, brows=1, cheeks=1, jaw=1, eyes=1, gaze=1),
        limits=LimitsConfig(scale=0.5),
    )
)
"""Everything followed in full: driver and portrait are one person."""


class Method(Protocol):
    """A way to move the source frame of some footage: one picture per frame, in order."""

    def __call__(self, footage: Footage) -> Iterator[Image]:
        """The pictures."""
        ...


def methods() -> Mapping[str, Method]:
    """By name, the baselines first."""
    return {"copy": _copy, "delaunay": _delaunay, "warp": _warp}


def _copy(footage: Footage) -> Iterator[Image]:
    return baselines.copy(footage.pictures[footage.source], footage.landmarks)


def _delaunay(footage: Footage) -> Iterator[Image]:
    source = footage.pictures[footage.source]
    return baselines.delaunay(source, footage.neutral, footage.landmarks)


def _warp(footage: Footage) -> Iterator[Image]:
    from streamer.animate import Track, animate
    from streamer.enroll import enroll
    from streamer.retarget.calibration import Calibration

    portrait = enroll([footage.pictures[footage.source]], footage.name)
    track = Track(footage.times_ns, footage.landmarks)
    return animate(portrait, track, SAME_PERSON, Calibration.of(footage.neutral))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one method did on one clip."""

    scores: Mapping[str, float]
    kept: Mapping[int, Image]
    """Pictures asked for, by frame."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, and where."""

    footage: Footage
    frames: frozenset[int]
    """Frames whose pictures are compared; landmarks are compared on all."""
    keep: frozenset[int]
    background: NDArray[np.bool_]
    limits: LimitsConfig


def judge(
    bench: Bench, method: Method, open_tracker: OpenTracker, on_frame: Callable[[], None]
) -> Judgement:
    """Run a method over the clip and measure it."""
    footage = bench.footage
    source = footage.pictures[footage.source]
    crisp = scores.sharpness(source, footage.neutral)
    track: list[Landmarks | None] = []
    rows: list[dict[str, float]] = []
    kept: dict[int, Image] = {}
    with open_tracker() as tracker:
        for i, picture in enumerate(method(footage)):
            output = match_size(picture, source)
            face = tracker.track(output)
            track.append(face)
            truth = footage.landmarks[i]
            if i in bench.frames and truth is not None:
                row = asdict(scores.compare(output, footage.pictures[i], truth))
                row["sharpness"] = _sharpness(output, face) / crisp
                row["sharpness_truth"] = scores.sharpness(footage.pictures[i], truth) / crisp
                row["background"] = scores.background_motion(output, source, bench.background)
                row["background_flow"] = scores.background_flow(output, source, bench.background)
                rows.append(row)
            if i in bench.keep:
                kept[i] = output
            on_frame()
    result = {name: mean([row[name] for row in rows]) for name in rows[0]}
    return Judgement(result | _followed(footage, track, bench.limits), kept)


def _sharpness(picture: Image, face: Landmarks | None) -> float:
    return float("nan") if face is None else scores.sharpness(picture, face)


def _followed(
    footage: Footage, track: list[Landmarks | None], limits: LimitsConfig
) -> dict[str, float]:
    pairs = zip(track, footage.landmarks, strict=True)
    errors = [scores.landmark_error(a, b) for a, b in pairs if a is not None and b is not None]
    driver, output = trace(footage.landmarks, footage.neutral), trace(track, footage.neutral)
    result = {"landmark_error": mean(errors), "jitter": jitter_ratio(footage.landmarks, track)}
    return result | follow(driver, output, limits)


def match_size(picture: Image, like: Image) -> Image:
    """The picture at the size of another."""
    height, width = like.shape[:2]
    if picture.shape == like.shape:
        return picture
    return cast("Image", cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
