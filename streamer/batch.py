"""Many portraits and clips in one go: each clip is tracked once, each portrait opened once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from streamer.animate import Outcome, Track, calibration_of, render, track_clip
from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.config import Config
from streamer.errors import StreamerError
from streamer.jobs import Job, Phases, inputs_of
from streamer.output import check_place
from streamer.portrait import Portrait
from streamer.retarget.calibration import Calibration
from streamer.sink.file import check_not_input
from streamer.sink.movie import check_name
from streamer.tracker import open_tracker
from streamer.video import Clip


@dataclass(frozen=True, slots=True)
class Wish:
    """What holds for all jobs of a call."""

    config: Config
    start_s: float = 0.0
    duration_s: float | None = None
    neutral_s: float | None = None
    compare: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A job that was done."""

    job: Job
    outcome: Outcome
    fps: float
    """pictures drawn and written per second"""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that could not be done, and why."""

    job: Job
    error: StreamerError


@dataclass(frozen=True, slots=True)
class _Driver:
    """A clip that was tracked."""

    clip: Clip
    track: Track
    calibration: Calibration


class Batch:
    """Does jobs one after the other; one that fails does not stop the others."""

    def __init__(
        self,
        wish: Wish,
        open_portrait: Callable[[str], Portrait],
        phases: Phases,
        clock: Clock = monotonic_ns,
    ) -> None:
        self._wish = wish
        self._open_portrait = open_portrait
        self._phases = phases
        self._clock = clock
        self._portraits: dict[str, Portrait | StreamerError] = {}

    def results(self, jobs: Sequence[Job]) -> Iterator[Done | Failed]:
        """What became of each job; jobs with the same clip should be neighbours."""
        for path, same_clip in groupby(jobs, key=lambda job: job.clip):
            ready: list[tuple[Job, Portrait]] = []
            for job in same_clip:
                try:
                    _check_outputs(job)
                    ready.append((job, self._portrait(job.portrait)))
                except StreamerError as error:
                    yield Failed(job, error)
            if ready:
                yield from self._with_clip(path, ready)

    def _with_clip(
        self, path: Path, ready: Sequence[tuple[Job, Portrait]]
    ) -> Iterator[Done | Failed]:
        with ExitStack() as stack:
            try:
                clip = Clip(path, self._wish.start_s, self._wish.duration_s)
                driver = self._tracked(stack.enter_context(clip))
            except StreamerError as error:
                yield from [Failed(job, error) for job, _ in ready]
                return
            for job, portrait in ready:
                try:
                    yield self._rendered(job, portrait, driver)
                except StreamerError as error:
                    yield Failed(job, error)

    def _tracked(self, clip: Clip) -> _Driver:
        on_frame = self._phases(f"reading {clip.path.name}", clip.info.frames)
        with open_tracker(self._wish.config.tracker) as tracker:
            track = track_clip(clip, tracker, on_frame)
        return _Driver(clip, track, calibration_of(track, clip, self._wish.neutral_s))

    def _rendered(self, job: Job, portrait: Portrait, driver: _Driver) -> Done:
        frames = len(driver.track.times_ns)
        begun_ns = self._clock()
        outcome = render(
            portrait,
            driver.clip,
            driver.track,
            self._wish.config,
            job.outputs,
            driver.calibration,
            compare=self._wish.compare,
            on_frame=self._phases(f"drawing {job.outputs[0].name}", frames),
        )
        return Done(job, outcome, frames * SECOND / max(1, self._clock() - begun_ns))

    def _portrait(self, name: str) -> Portrait:
        if name not in self._portraits:
            try:
                self._portraits[name] = self._open_portrait(name)
            except StreamerError as error:
                self._portraits[name] = error
        portrait = self._portraits[name]
        if isinstance(portrait, StreamerError):
            raise portrait
        return portrait


def _check_outputs(job: Job) -> None:
    for output in job.outputs:
        check_name(output)
        for source in inputs_of(job):
            check_not_input(output, source)
        check_place(output)
