"""The composition root: opens what the settings name, joins it to a live run, and steers that."""

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
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
from streamer.generator.shelf import Common
from streamer.metrics import Metrics
from streamer.pipeline import Pipeline, Stages
from streamer.portrait import Portrait, load_portrait
from streamer.quality import Governor
from streamer.retarget import open_live_retargeter
from streamer.retarget.live import LiveRetargeter
from streamer.retarget.store import CalibrationStore
from streamer.sink import choose_sink, open_sink
from streamer.sink.recorder import open_recorder
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
        run: "_Run",
        pipeline: Pipeline,
        stages: tuple[Camera, LiveRetargeter, LiveGenerator],
        recording: Callable[[], str],
    ) -> None:
        self.config, self.desk, self.metrics = run.config, run.desk, run.metrics
        self._clock = run.clock
        self._pipeline = pipeline
        self._camera, self._retargeter, self._generator = stages
        self._recording = recording
        self.levels = self._generator.levels
        """the quality ladder, best first"""

    async def run(self) -> None:
        """Until the source ends, a stage fails, the desk says quit, or it is cancelled."""
        helpers = [self._govern()] if self.config.latency.adapt else []
        with suppress(_Quit):
            await beside(self._pipeline.run(), self._watch_desk(), *helpers)

    async def _watch_desk(self) -> None:
        """End it when the desk says quit; tell when another engine draws."""
        while not self.desk.controls.quit:
            self._tell_engine()
            await asyncio.sleep(_GLANCE_S)
        raise _Quit

    def _tell_engine(self) -> None:
        """Put what draws now into the start-up table, and a change of it into the log."""
        label = self._generator.label
        if label != self.metrics.chosen["generator"]:
            self.metrics.chosen = {**self.metrics.chosen, "generator": label}
            _log.info("drawn from now on by %s", label)

    async def _govern(self) -> None:
        """Keep the budget."""
        budget_ms, usable = self.config.latency.budget_ms, self._generator.usable
        governor = Governor(len(self.levels), budget_ms, usable)
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
            recording=self._recording(),
            latency_ms=round(latency_ns(self.metrics) / MS, 1),
        )


def latency_ns(metrics: Metrics) -> int:
    """Median age at the sink over the last seconds; 0 before there is one."""
    age = metrics.recent(_LATENCY_OVER_S).age_ms
    return 0 if age is None else int(age.p50 * MS)


Change = Callable[[Stages], Stages]
"""Puts others in the place of stages: tests and measurements do."""


@contextmanager
def open_live(
    config: Config,
    *,
    recording: bool = False,
    clock: Clock = monotonic_ns,
    change: Change = lambda stages: stages,
) -> Generator[Live]:
    """A live run, to be run once. The camera is opened last and closed first.

    Only the generator is opened before the sink, which has to know the size of its pictures, and
    gets a card as its first.
    """
    sink_config, why = choose_sink(config.sink)
    config = with_values(config, {"sink": sink_config.model_dump()})
    desk = Desk(controls_of(config, recording=recording))
    metrics = Metrics(clock=clock)
    fps, loop = config.sink.fps, config.camera.loop
    with ExitStack() as stack:
        enter = stack.enter_context
        generator = enter(open_live_generator(config, desk, open_portrait))
        recorder = enter(
            open_recorder(
                *(config.record, generator.width, generator.height, fps, desk, metrics),
                lambda: latency_ns(metrics),
                clock,
            )
        )
        sink = enter(open_sink(config.sink, generator.card("Starting"), fps, recorder, clock))
        camera = open_camera(
            config.camera,
            metrics.drop,
            loop=config.sink.kind == "virtualcam" if loop is None else loop,
            clock=clock,
        )
        store = CalibrationStore(places.data_folder() / "calibrations")
        run = _Run(config, desk, metrics, clock, change, store)
        live = enter(_joined(run, camera, generator, sink, lambda: recorder.state))
        metrics.chosen = {**metrics.chosen, "sink": f"{sink.label}{why}"}
        yield live


@contextmanager
def open_session(
    config: Config,
    desk: Desk,
    camera: Camera,
    sink: Sink,
    load: Callable[[str], Portrait],
    *,
    clock: Clock = monotonic_ns,
    change: Change = lambda stages: stages,
    common: Common | None = None,
) -> Generator[Live]:
    """One user's run around a camera and a sink that are open, and stay so.

    `config.sink.size` is the size of the pictures. Nothing is recorded, and no calibration is kept.
    `common` is what all runs of a server share. Opening blocks for about half a second.
    """
    run = _Run(config, desk, Metrics(clock=clock), clock, change, None)
    with (
        open_live_generator(config, desk, load, common) as generator,
        _joined(run, nullcontext(camera), generator, sink, lambda: "") as live,
    ):
        yield live


def controls_of(config: Config, *, recording: bool = False) -> Controls:
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


@dataclass(frozen=True, slots=True)
class _Run:
    """What all parts of a run have in common."""

    config: Config
    desk: Desk
    metrics: Metrics
    clock: Clock
    change: Change
    store: CalibrationStore | None


@contextmanager
def _joined(
    run: _Run,
    opening: AbstractContextManager[Camera],
    generator: LiveGenerator,
    sink: Sink,
    recording: Callable[[], str],
) -> Generator[Live]:
    """The rest of the stages, and the pipeline through all of them."""
    from streamer.tracker import open_tracker  # noqa: PLC0415  (brings mediapipe)

    config, opened = run.config, list[Camera]()
    with ExitStack() as stack:
        enter = stack.enter_context
        retargeter = enter(
            open_live_retargeter(
                *(config, run.desk, generator.library, run.store),
                lambda: opened[0].name if opened else "",
            )
        )
        tracker = enter(open_tracker(config.tracker))
        camera = enter(opening)
        opened.append(camera)
        run.metrics.chosen = {
            "portrait": f"{config.portrait}, {generator.width} x {generator.height}",
            "camera": camera.label,
            "tracker": f"MediaPipe FaceMesh on the CPU, the {config.tracker.face} face",
            "generator": generator.label,
            "sink": sink.label,
            "budget": f"{config.latency.budget_ms:g} ms from camera to sink",
        }
        stages = run.change(Stages(camera, tracker, retargeter, generator, sink))
        period_ns = SECOND // config.sink.fps
        pipeline = Pipeline(stages, config.latency.budget(), run.metrics, period_ns, run.clock)
        yield Live(run, pipeline, (camera, retargeter, generator), recording)
