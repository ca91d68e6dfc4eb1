"""From the portrait's motion to its picture."""

from collections.abc import Generator
from contextlib import contextmanager

from streamer.config import GeneratorConfig
from streamer.generator.composite import WarpGenerator
from streamer.portrait import Portrait


@contextmanager
def open_generator(config: GeneratorConfig, portrait: Portrait) -> Generator[WarpGenerator]:
    """The generator of one portrait."""
    yield WarpGenerator(config, portrait)
