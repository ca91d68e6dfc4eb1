"""How fast the program is here: every stage timed by itself, over and over, on one thread."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.clock import MS, SECOND, Clock, monotonic_ns
from streamer.config import Config
from streamer.enroll import enroll
from streamer.errors import MediaError
from streamer.frame import Image
from streamer.generator import open_generator
from streamer.generator.refined import Painter
from streamer.picture import read_picture
from streamer.portrait import Portrait
from streamer.retarget import open_retargeter
from streamer.retarget.retargeter import PortraitRetargeter
from streamer.sink.file import VideoWriter
from streamer.stages import Tracker
from streamer.tracker import open_tracker
from streamer.video import Clip

if sys.platform != "win32":
    import resource

STAGES = ("track", "retarget", "generate", "encode")
WARM_UP = 15
"""Frames left out of the figures: compiled code is loaded and caches fill while they pass."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile in milliseconds."""

    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, times_ns: NDArray[np.int64]) -> "Spread":
        """The spread of some durations."""
        median, p95 = np.percentile(times_ns / MS, [50, 95])
        return cls(float(median), float(p95))


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What was measured. The stages run one after the other; live, they overlap."""

    portrait: str
    clip: str
    width: int
    height: int
    frames: int
    """how many frames the figures are from, without the warm-up"""
    stages: dict[str, Spread]
    path: Spread
    """track, retarget and generate of one frame together"""
    fps: float
    """frames per second if every stage, encoding too, waits for the one before"""
    first_frame_s: float | None
    """from the start of the process to the first picture; None where the system does not tell"""
    peak_mb: float | None
    """most memory ever held by the process; None where the system does not tell"""
    cores: int


@dataclass(frozen=True, slots=True)
class _Stages:
    tracker: Tracker
    retargeter: PortraitRetargeter
    generator: Painter
    writer: VideoWriter
    clock: Clock

    def pass_through(self, image: Image, at_ns: int) -> list[int]:
        """Durations in ns of one frame's stages, in the order of `STAGES`."""
        marks = [self.clock()]
        landmarks = self.tracker.track(image)
        marks.append(self.clock())
        motion = self.retargeter.retarget(landmarks, at_ns)
        marks.append(self.clock())
        picture = self.generator.generate(motion)
        marks.append(self.clock())
        self.writer.write(picture, at_ns)
        marks.append(self.clock())
        return [after - before for before, after in pairwise(marks)]


def measure(
    portrait: Path, clip: Path, config: Config, frames: int, on_frame: Callable[[], None]
) -> BenchReport:
    """Run `frames` frames of the clip (again and again if it is shorter) through all stages.

    MediaError when the portrait or the clip cannot be used.
    """
    face = enroll([read_picture(portrait)], portrait.stem)
    first_frame_s: float | None = None
    times: list[list[int]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        film = stack.enter_context(Clip(clip))
        stages, size = _open(stack, face, film, config, folder / "bench.mp4")
        for image, at_ns in _endless(film, WARM_UP + frames):
            times.append(stages.pass_through(image, at_ns))
            first_frame_s = process_age_s() if len(times) == 1 else first_frame_s
            on_frame()
    return _report((portrait.stem, clip.stem), size, np.array(times[WARM_UP:]), first_frame_s)


def _open(
    stack: ExitStack, face: Portrait, film: Clip, config: Config, target: Path
) -> tuple[_Stages, tuple[int, int]]:
    generator = stack.enter_context(open_generator(config.generator, face))
    size = (generator.width, generator.height)
    writer = stack.enter_context(VideoWriter(target, *size, film.info.fps))
    retargeter = stack.enter_context(open_retargeter(config.retarget, face, None))
    tracker = stack.enter_context(open_tracker(config.tracker))
    return _Stages(tracker, retargeter, generator, writer, monotonic_ns), size


def _endless(film: Clip, count: int) -> Iterator[tuple[Image, int]]:
    """`count` frames with growing time stamps, from the start again whenever the clip is over."""
    step = round(SECOND / film.info.fps)
    done = 0
    while done < count:
        before = done
        for _, image in film.frames():
            yield image, done * step
            done += 1
            if done == count:
                return
        if done == before:
            raise MediaError("the driving video has no frames")


def _report(
    names: tuple[str, str],
    size: tuple[int, int],
    times_ns: NDArray[np.int64],
    first_frame_s: float | None,
) -> BenchReport:
    total_s = float(times_ns.sum()) / SECOND
    return BenchReport(
        portrait=names[0],
        clip=names[1],
        width=size[0],
        height=size[1],
        frames=len(times_ns),
        stages={name: Spread.of(times_ns[:, i]) for i, name in enumerate(STAGES)},
        path=Spread.of(times_ns[:, :3].sum(axis=1)),
        fps=len(times_ns) / total_s,
        first_frame_s=first_frame_s,
        peak_mb=peak_memory_mb(),
        cores=os.cpu_count() or 1,
    )


def process_age_s() -> float | None:
    """Seconds since this process was started, to a hundredth; None outside Linux.

    Linux keeps the start in field 22 of /proc/self/stat, in ticks since boot. Fields are counted
    from the last parenthesis, since the program's name before it may contain anything.
    """
    stat = Path("/proc/self/stat")
    if not stat.is_file():
        return None
    fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
    started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


def peak_memory_mb() -> float | None:
    """The most memory this process ever held, in MB; None on Windows."""
    if sys.platform == "win32":
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
