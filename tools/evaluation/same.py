"""Same identity: one frame of a clip, driven by the rest of it, against the clip itself."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import scores
from streamer.animate import Track
from streamer.config import Config, GainsConfig, LimitsConfig, RetargetConfig
from streamer.enroll import enroll
from streamer.frame import Image, Landmarks
from streamer.retarget.calibration import Calibration
from streamer.stages import Tracker
from tools.evaluation import baselines
from tools.evaluation.clips import Footage
from tools.evaluation.measure import follow, jitter_ratio, mean, ratio, trace
from tools.evaluation.opinions import Opinions, flicker
from tools.evaluation.painters import PLAIN, Refiner, drawn

OpenTracker = Callable[[], AbstractContextManager[Tracker]]

SAME_PERSON = Config(
    retarget=RetargetConfig(
        gains=GainsConfig(head=1, shift=1, mouth=1, brows=1, cheeks=1, jaw=1, eyes=1, gaze=1),
        limits=LimitsConfig(scale=0.5),
    ),
    generator=PLAIN,
)
"""Everything followed in full: driver and portrait are one person."""


class Method(Protocol):
    """A way to move the source frame of some footage: one picture per frame, in order."""

    def __call__(self, footage: Footage) -> Iterator[Image]:
        """The pictures."""
        ...


def methods(refiners: Mapping[str, Refiner] | None = None) -> dict[str, Method]:
    """By name, the baselines first."""
    found: dict[str, Method] = {"copy": _copy, "delaunay": _delaunay, "warp": _animated(None)}
    for name, refiner in (refiners or {}).items():
        found[name] = _animated(refiner)
    return found


def _copy(footage: Footage) -> Iterator[Image]:
    return baselines.copy(footage.pictures[footage.source], footage.landmarks)


def _delaunay(footage: Footage) -> Iterator[Image]:
    source = footage.pictures[footage.source]
    return baselines.delaunay(source, footage.neutral, footage.landmarks)


def _animated(refiner: Refiner | None) -> Method:
    def pictures(footage: Footage) -> Iterator[Image]:
        portrait = enroll([footage.pictures[footage.source]], footage.name)
        track = Track(footage.times_ns, footage.landmarks)
        neutral = Calibration.of(footage.neutral)
        return drawn(portrait, track, SAME_PERSON, neutral, refiner)

    return pictures


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
    opinions: Opinions = field(default_factory=Opinions)


def judge(
    bench: Bench, method: Method, open_tracker: OpenTracker, on_frame: Callable[[], None]
) -> Judgement:
    """Run a method over the clip and measure it."""
    footage = bench.footage
    source = footage.pictures[footage.source]
    track: list[Landmarks | None] = []
    rows: list[dict[str, float]] = []
    kept: dict[int, Image] = {}
    before = source
    with open_tracker() as tracker:
        for i, picture in enumerate(method(footage)):
            output = match_size(picture, source)
            track.append(tracker.track(output))
            if i in bench.frames:
                rows.append(_compared(bench, i, (before, output), track[-1]))
            if i in bench.keep:
                kept[i] = output
            before = output
            on_frame()
    result = {name: mean([row[name] for row in rows]) for name in rows[0]}
    result["flicker"] = ratio(result["flicker"], result.pop("flicker_truth"))
    return Judgement(result | _followed(footage, track, bench.limits), kept)


def _compared(
    bench: Bench, frame: int, outputs: tuple[Image, Image], face: Landmarks | None
) -> dict[str, float]:
    """One output, and the one before it, beside the clip's frame, which shows a face."""
    footage, output = bench.footage, outputs[1]
    source = footage.pictures[footage.source]
    picture, truth = footage.pictures[frame], footage.landmark(frame)
    crisp = scores.sharpness(source, footage.neutral)
    row = asdict(scores.compare(output, picture, truth))
    row |= bench.opinions.beside(output, picture, truth)
    row["sharpness"] = row["identity"] = float("nan")
    if face is not None:
        row["sharpness"] = scores.sharpness(output, face) / crisp
        row["identity"] = bench.opinions.likeness((source, footage.neutral), output, face)
    row["sharpness_truth"] = scores.sharpness(picture, truth) / crisp
    row["background"] = scores.background_motion(output, source, bench.background)
    row["background_flow"] = scores.background_flow(output, source, bench.background)
    row["flicker"] = row["flicker_truth"] = float("nan")
    if frame > 0:
        truths = footage.pictures[frame - 1], picture
        row["flicker"], row["flicker_truth"] = flicker(outputs, truths, truth)
    return row


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
