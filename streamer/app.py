"""The composition root: opens what the settings name and joins it to a pipeline."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streamer.bundled import PORTRAITS, portrait_path
from streamer.camera import open_camera
from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.config import Config
from streamer.errors import MediaError
from streamer.generator import open_generator
from streamer.metrics import Metrics
from streamer.pipeline import Pipeline, Stages
from streamer.portrait import Portrait, load_portrait
from streamer.retarget import open_retargeter
from streamer.sink import open_sink


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


@contextmanager
def open_pipeline(
    config: Config, portrait: Portrait, clock: Clock = monotonic_ns
) -> Generator[Pipeline]:
    """A pipeline ready to run, once. The camera is opened last and closed first.

    Only the generator is opened before the sink, which has to know the size of its pictures.
    """
    from streamer.tracker import open_tracker  # noqa: PLC0415  (brings mediapipe)

    metrics = Metrics(clock=clock)
    fps = config.sink.fps
    with ExitStack() as stack:
        generator = stack.enter_context(open_generator(config.generator, portrait))
        width, height = generator.width, generator.height
        sink = stack.enter_context(open_sink(config.sink, width, height, fps, clock))
        retargeter = stack.enter_context(open_retargeter(config.retarget, portrait, None))
        tracker = stack.enter_context(open_tracker(config.tracker))
        camera = stack.enter_context(open_camera(config.camera, metrics.drop, clock))
        metrics.chosen = _chosen(config, portrait, width, height)
        stages = Stages(camera, tracker, retargeter, generator, sink)
        yield Pipeline(stages, config.latency.budget(), metrics, SECOND // fps, clock)


def _chosen(config: Config, portrait: Portrait, width: int, height: int) -> dict[str, str]:
    """What runs, for the table at the start and for the metrics."""
    sink = config.sink
    return {
        "portrait": portrait.name,
        "camera": f"{config.camera.kind} of {config.camera.clip}",
        "tracker": f"MediaPipe FaceMesh on the CPU, the {config.tracker.face} face",
        "retargeter": f"{config.retarget.mode}, neutral face found while running",
        "generator": f"mesh warp on the CPU, {width} x {height}",
        "sink": sink.path if sink.kind == "file" else sink.kind,
        "budget": f"{config.latency.budget_ms:g} ms from camera to sink",
    }
