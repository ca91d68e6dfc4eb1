"""The composition root: opens what the settings name, joins it to a live run, and steers that."""

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from streamer import places
from streamer.bundled import PORTRAITS, portrait_path
from streamer.camera import open_camera
from streamer.clock import MS, SECOND, Clock, monotonic_ns
from streamer.config import Config, with_values
from streamer.control import Controls, Desk
from streamer.errors import MediaError
from streamer.generator import open_live_generator
from streamer.generator.live import LiveGenerator
from streamer.metrics import Metrics
from streamer.pipeline import Pipeline, Stages
from streamer.portrait import Portrait, load_portrait
from streamer.quality import Governor
from streamer.retarget import open_live_retargeter
from streamer.retarget.live import LiveRetargeter
from streamer.retarget.store import CalibrationStore
from streamer.sink import choose_sink, open_sink
from streamer.sink.recorder import Recorder, open_recorder
from streamer.stages import Camera, Sink
from streamer.status import Status
from streamer.tasks import beside

_GLANCE_S = 0.05
"""Between two looks whether to quit."""
_LOOK_S = 0.5
"""Between two looks at the figures."""
_LATENCY_OVER_S = 5.0
_log = logging.getLogger(__name__)


def open_portrait(name: str | Path) -> Portrait:
    """The portrait of a bundled name, a .portrait file, or a picture, which is enrolled here."""
    path = portrait_path(str(name))
    if not path.exists():
        bundled = ", ".join(PORTRAITS)
        raise MediaError(f"{name}: no such file, and no bundled portrait of that name ({bundled})")
    if path.suffix.lower() == ".portrait":
        return load_portrait(path)
    from streamer.enroll import enroll  # noqa: PLC0415  (brings mediapipe)
    from streamer.picture import read_picture  # noqa: PLC0415

    return enroll([read_picture(path)], path.stem)


class _Quit(Exception):  # noqa: N818 - an ending, not an error
    """The desk says quit."""


class Live:
    """One live run: the pipeline, the desk it is steered from, and how it is doing."""

    def __init__(
        self,
        config: Config,
        desk: Desk,
        pipeline: Pipeline,
        stages: tuple[Camera, LiveRetargeter, LiveGenerator, Sink],
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self.config = config
        self.desk = desk
        self.metrics = pipeline.metrics
        self._pipeline = pipeline
        self._camera, self._retargeter, self._generator, self._sink = stages
        self._recorder = recorder
        self.levels = self._generator.levels
        self._clock = clock

    async def run(self) -> None:
        """Until the source ends, a stage fails, the desk says quit, or it is cancelled."""
        helpers = [self._govern()] if self.config.latency.adapt else []
        with suppress(_Quit):
            await beside(self._pipeline.run(), self._watch_desk(), *helpers)

    async def _watch_desk(self) -> None:
        """End it when the desk says quit."""
        while not self.desk.controls.quit:  # noqa: ASYNC110 - any thread may say it
            await asyncio.sleep(_GLANCE_S)
        raise _Quit

    async def _govern(self) -> None:
        """Keep the budget."""
        governor = Governor(len(self.levels), self.config.latency.budget_ms)
        told = False
        while True:
            await asyncio.sleep(_LOOK_S)
            recent = self.metrics.recent()
            level = governor.see(recent, self._clock())
            if level != self.desk.controls.level:
                self._step_to(level, recent.age_ms.p95 if recent.age_ms else 0.0)
            if governor.helpless and not told:
                told = True
                _log.warning(
                    "this computer is too slow for %g ms at the lowest quality: close other"
                    " programs, or raise latency.budget_ms",
                    self.config.latency.budget_ms,
                )

    def _step_to(self, level: int, p95_ms: float) -> None:
        lower = level > self.desk.controls.level
        self.desk.edit(lambda controls: replace(controls, level=level))
        _log.info(
            "quality %s to %s: 95 %% of the pictures are younger than %.0f ms, the budget is %g",
            "lowered" if lower else "raised",
            self.levels[level].name,
            p95_ms,
            self.config.latency.budget_ms,
        )

    def status(self) -> Status:
        """How it is doing now. Any thread may ask."""
        totals = self.metrics.totals()
        return Status(
            chosen=self.metrics.chosen,
            controls=self.desk.controls,
            budget_ms=self.config.latency.budget_ms,
            recent=self.metrics.recent(),
            seconds=totals.seconds,
            sent=totals.sent,
            held=totals.held,
            dropped=totals.dropped,
            presence=self._retargeter.presence,
            portrait=self._retargeter.portrait,
            preparing=self._generator.preparing,
            level=self._generator.level,
            prompt=self._retargeter.prompt,
            calibration=self._retargeter.calibration,
            camera=self._camera.state,
            recording=self._recorder.state,
            latency_ms=round(latency_ns(self.metrics) / MS, 1),
        )


def latency_ns(metrics: Metrics) -> int:
    """Median age at the sink over the last seconds; 0 before there is one."""
    age = metrics.recent(_LATENCY_OVER_S).age_ms
    return 0 if age is None else int(age.p50 * MS)


@contextmanager
def open_live(
    config: Config,
    *,
    recording: bool = False,
    clock: Clock = monotonic_ns,
    change: Callable[[Stages], Stages] = lambda stages: stages,
) -> Generator[Live]:
    """A live run, to be run once. The camera is opened last and closed first.

    Only the generator is opened before the sink, which has to know the size of its pictures, and
    gets a card as its first. `change` may put others in the place of stages: tests and
    measurements do.
    """
    from streamer.tracker import open_tracker  # noqa: PLC0415  (brings mediapipe)

    sink_config, why = choose_sink(config.sink)
    config = with_values(config, {"sink": sink_config.model_dump()})
    desk = Desk(_controls(config, recording=recording))
    metrics = Metrics(clock=clock)
    fps = config.sink.fps
    with ExitStack() as stack:
        enter = stack.enter_context
        generator = enter(open_live_generator(config, desk, open_portrait))
        width, height = generator.width, generator.height
        recorder = enter(
            open_recorder(
                *(config.record, width, height, fps, desk, metrics),
                lambda: latency_ns(metrics),
                clock,
            )
        )
        sink = enter(open_sink(config.sink, generator.card("Starting"), fps, recorder, clock))
        opened: list[Camera] = []
        store = CalibrationStore(places.data_folder() / "calibrations")
        retargeter = enter(
            open_live_retargeter(
                *(config, desk, generator.library, store),
                lambda: opened[0].label if opened else "",
            )
        )
        tracker = enter(open_tracker(config.tracker))
        loop = (
            config.sink.kind == "virtualcam" if config.camera.loop is None else config.camera.loop
        )
        camera = enter(open_camera(config.camera, metrics.drop, loop=loop, clock=clock))
        opened.append(camera)
        metrics.chosen = {
            "portrait": f"{config.portrait}, {width} x {height}",
            "camera": camera.label,
            "tracker": f"MediaPipe FaceMesh on the CPU, the {config.tracker.face} face",
            "generator": "mesh warp on the CPU: no trained refiner is installed",
            "sink": f"{sink.label}{why}",
            "budget": f"{config.latency.budget_ms:g} ms from camera to sink",
        }
        stages = change(Stages(camera, tracker, retargeter, generator, sink))
        pipeline = Pipeline(stages, config.latency.budget(), metrics, SECOND // fps, clock)
        yield Live(config, desk, pipeline, (camera, retargeter, generator, sink), recorder, clock)


def _controls(config: Config, *, recording: bool) -> Controls:
    """The controls as the settings have them."""
    others = PORTRAITS if config.portraits is None else config.portraits
    return Controls(
        portraits=tuple(dict.fromkeys((config.portrait, *others))),
        portrait=config.portrait,
        gains=config.retarget.gains,
        mirror=config.retarget.mirror,
        background=config.generator.background,
        recording=recording,
    )
