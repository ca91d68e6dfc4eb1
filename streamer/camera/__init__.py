"""Where the driver's images come from; `open_camera` picks what the settings name."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from streamer.bundled import CLIPS, clip_path
from streamer.clock import Clock, monotonic_ns
from streamer.config import CameraConfig
from streamer.errors import DeviceError
from streamer.stages import Camera

if TYPE_CHECKING:
    from streamer.camera.choose import Machine

OnDrop = Callable[[str], None]
"""Is told why a frame was let go; on any thread."""


@contextmanager
def open_camera(
    config: CameraConfig,
    on_drop: OnDrop,
    *,
    loop: bool,
    clock: Clock = monotonic_ns,
    machine: "Machine | None" = None,
) -> Generator[Camera]:
    """The camera, closed once by the `with` block. Blocks until there is a first image.

    `auto` is the first webcam that shows something, else the clip; `loop` repeats the clip.
    DeviceError when the webcam that is asked for shows nothing, MediaError for a bad clip.
    """
    with ExitStack() as stack:
        yield _opened(config, on_drop, loop=loop, clock=clock, machine=machine, stack=stack)


def _opened(
    config: CameraConfig,
    on_drop: OnDrop,
    *,
    loop: bool,
    clock: Clock,
    machine: "Machine | None",
    stack: ExitStack,
) -> Camera:
    why = ""
    if config.kind != "replay":
        from streamer.camera.choose import Machine, open_webcam  # noqa: PLC0415

        try:
            return open_webcam(config, on_drop, clock, stack, machine or Machine())
        except DeviceError as error:
            if config.kind == "webcam":
                raise
            why = str(error)
    from streamer.camera.replay import Replay  # noqa: PLC0415
    from streamer.video import Clip  # noqa: PLC0415

    clip = stack.enter_context(Clip(clip_path(config.clip)))
    if why:
        bundled = "bundled clip" if config.clip in CLIPS else "clip"
        label = f"the {bundled} {config.clip}{', looped' if loop else ''}: {why}"
    else:
        label = f"{clip.path.name} at its own pace, {clip.info.fps:.4g} fps"
    return Replay(clip, on_drop, name=clip.path.name, label=label, loop=loop, clock=clock)
