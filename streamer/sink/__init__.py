"""Where pictures go; `open_sink` picks the kind that the configuration names."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from streamer.clock import Clock, monotonic_ns
from streamer.config import SinkConfig
from streamer.stages import Sink


@contextmanager
def open_sink(
    config: SinkConfig, width: int, height: int, fps: float, clock: Clock = monotonic_ns
) -> Generator[Sink]:
    """The sink for pictures of one size. Closed once, by the `with` block."""
    match config.kind:
        case "file":
            from streamer.sink.file import FileSink  # noqa: PLC0415
            from streamer.sink.movie import open_movie  # noqa: PLC0415

            with open_movie(Path(config.path), width, height, fps) as writer:
                yield FileSink(writer, clock)
        case "null":
            from streamer.sink.null import NullSink  # noqa: PLC0415

            yield NullSink()
