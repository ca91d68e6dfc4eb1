"""A whole clip, offline: track it, find the neutral face, draw the portrait, write the file."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from streamer.clock import SECOND
from streamer.colour import resize
from streamer.config import Config
from streamer.errors import MediaError
from streamer.frame import Image, Landmarks, Motion
from streamer.generator import open_generator
from streamer.portrait import Portrait
from streamer.retarget import retarget_recording
from streamer.retarget.calibration import Calibration, calibrate
from streamer.sink.movie import open_movie
from streamer.stages import Tracker
from streamer.video import Clip

_BATCH = 8
"""Pictures drawn at once; no more than these are in memory."""
_GAP_COLOUR = 24


class _Painter(Protocol):
    def generate_batch(self, motions: Sequence[Motion]) -> Sequence[Image]: ...


@dataclass(frozen=True, slots=True)
class Track:
    """The driver's face in every frame of a clip."""

    times_ns: tuple[int, ...]
    landmarks: tuple[Landmarks | None, ...]

    @property
    def faces(self) -> int:
        """In how many frames a face was found."""
        return sum(one is not None for one in self.landmarks)

    def near(self, at_s: float) -> Landmarks | None:
        """The face in the frame nearest to an instant."""
        return self.landmarks[int(np.argmin(np.abs(np.array(self.times_ns) - at_s * SECOND)))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was written."""

    path: Path
    width: int
    height: int
    frames: int
    faces: int
    seconds: float
    """how long it lasts"""


def track_clip(clip: Clip, tracker: Tracker, on_frame: Callable[[], None] | None = None) -> Track:
    """Look for the driver's face in every frame; only the landmarks are kept."""
    times: list[int] = []
    found: list[Landmarks | None] = []
    for at_ns, image in clip.frames():
        times.append(at_ns)
        found.append(tracker.track(image))
        if on_frame is not None:
            on_frame()
    return Track(tuple(times), tuple(found))


def calibration_of(track: Track, clip: Clip, neutral_s: float | None = None) -> Calibration:
    """The driver's neutral face: at `neutral_s` of the window, else the clip's most neutral.

    MediaError when there is no face to be had.
    """
    if not track.faces:
        raise MediaError(
            f"{clip.path}: no face in any of its {len(track.times_ns)} frames; the clip should"
            " show one face from the front, well lit and at least 60 px wide"
        )
    if neutral_s is None:
        return calibrate(track.landmarks)
    if not 0 <= neutral_s * SECOND <= track.times_ns[-1] + SECOND:
        raise MediaError(
            f"{clip.path}: no frame at {neutral_s:g} s;"
            f" the last is at {track.times_ns[-1] / SECOND:.1f} s, choose an earlier neutral one"
        )
    landmarks = track.near(neutral_s)
    if landmarks is None:
        raise MediaError(f"{clip.path}: no face at {neutral_s:g} s; choose another neutral frame")
    return Calibration.of(landmarks)


def animate(
    portrait: Portrait, track: Track, config: Config, calibration: Calibration | None = None
) -> Generator[Image]:
    """The portrait in every frame of the track, in order; only a few pictures are in memory."""
    calibration = calibration or calibrate(track.landmarks)
    motions = retarget_recording(
        config.retarget, portrait, calibration, track.landmarks, track.times_ns
    )
    with open_generator(config.generator, portrait) as generator:
        yield from _drawn(iter(motions), generator)


def render(
    portrait: Portrait,
    clip: Clip,
    track: Track,
    config: Config,
    outputs: Sequence[Path],
    calibration: Calibration | None = None,
    *,
    compare: bool = False,
    on_frame: Callable[[], None] | None = None,
) -> Outcome:
    """Draw the tracked clip and write it to each of `outputs`; `compare` puts the driver beside it.

    MediaError when there is no face or a file cannot be written; then no output changes.
    """
    calibration = calibration or calibration_of(track, clip)
    with ExitStack() as stack:
        pictures = stack.enter_context(closing(animate(portrait, track, config, calibration)))
        first, images = _peeked(_beside(clip, pictures) if compare else pictures)
        height, width = first.shape[:2]
        writers = [
            stack.enter_context(open_movie(path, width, height, clip.info.fps, clip))
            for path in outputs
        ]
        for at_ns, image in zip(track.times_ns, images, strict=True):
            for writer in writers:
                writer.write(image, at_ns)
            if on_frame is not None:
                on_frame()
    lasts_s = track.times_ns[-1] / SECOND + 1 / clip.info.fps
    return Outcome(outputs[0], width, height, len(track.times_ns), track.faces, lasts_s)


def side_by_side(driver: Image, picture: Image) -> Image:
    """Both at the height of the picture, a thin gap between them."""
    height = picture.shape[0]
    width = max(1, round(driver.shape[1] * height / driver.shape[0]))
    gap = np.full((height, max(2, height // 100), 3), _GAP_COLOUR, np.uint8)
    return np.hstack([resize(driver, width, height), gap, picture])


def _drawn(motions: Iterator[Motion], generator: _Painter) -> Iterator[Image]:
    while batch := list(islice(motions, _BATCH)):
        yield from generator.generate_batch(batch)


def _beside(clip: Clip, pictures: Iterable[Image]) -> Iterator[Image]:
    for (_, driver), picture in zip(clip.frames(), pictures, strict=True):
        yield side_by_side(driver, picture)


def _peeked(images: Iterator[Image]) -> tuple[Image, Iterator[Image]]:
    first = next(images)

    def again() -> Iterator[Image]:
        yield first
        yield from images

    return first, again()
