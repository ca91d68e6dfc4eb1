"""Where the driver's images come from; `open_camera` picks the kind that the settings name."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from streamer.clock import Clock, monotonic_ns
from streamer.config import CameraConfig
from streamer.stages import Camera


@contextmanager
def open_camera(
    config: CameraConfig, on_drop: Callable[[str], None], clock: Clock = monotonic_ns
) -> Generator[Camera]:
    """The camera, closed once by the `with` block. It tells `on_drop` why it let a frame go."""
    match config.kind:
        case "replay":
            from streamer.bundled import clip_path  # noqa: PLC0415
            from streamer.camera.replay import Replay  # noqa: PLC0415
            from streamer.video import Clip  # noqa: PLC0415

            with Clip(clip_path(config.clip)) as clip:
                yield Replay(clip, on_drop, loop=config.loop, clock=clock)
