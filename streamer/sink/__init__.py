"""Where pictures go; `open_sink` picks the kind that the configuration names."""

from collections.abc import Generator
from contextlib import contextmanager

from streamer.clock import Clock, monotonic_ns
from streamer.config import SinkConfig
from streamer.frame import Image
from streamer.sink.recorder import Recorder
from streamer.stages import Sink

_CAMERA_SIZE = (1280, 720)
"""What call programs expect of a camera."""


def choose_sink(config: SinkConfig) -> tuple[SinkConfig, str]:
    """The settings with `auto` decided, and why it was decided so; empty if it was not ours to.

    Without a virtual camera it is the file of the settings, or none.
    """
    kind, why = config.kind, ""
    if kind == "auto":
        from streamer.sink.diagnosis import unavailable  # noqa: PLC0415

        reason = unavailable(config)
        kind = "virtualcam" if not reason else "file" if config.path else "none"
        why = f" ({reason})" if reason else ""
    size = config.size or (_CAMERA_SIZE if kind == "virtualcam" else None)
    return config.model_copy(update={"kind": kind, "size": size}), why


@contextmanager
def open_sink(
    config: SinkConfig, first: Image, fps: float, recorder: Recorder, clock: Clock = monotonic_ns
) -> Generator[Sink]:
    """The sink for pictures of the size of `first`, which a virtual camera shows at once.

    What it shows is offered to the recorder. Closed once, by the `with` block.
    """
    from streamer.sink.recorder import Recorded  # noqa: PLC0415

    height, width = first.shape[:2]
    match config.kind:
        case "virtualcam" | "auto":
            from streamer.sink.virtualcam import open_virtualcam  # noqa: PLC0415

            with open_virtualcam(config, width, height, first) as camera:
                yield Recorded(camera, recorder)
        case "file":
            from streamer.sink.recording import open_file_sink  # noqa: PLC0415

            with open_file_sink(config.path, width, height, fps, clock) as file:
                yield Recorded(file, recorder)
        case "none":
            from streamer.sink.null import NullSink  # noqa: PLC0415

            yield Recorded(NullSink(), recorder)
