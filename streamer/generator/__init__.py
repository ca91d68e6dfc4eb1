"""From the portrait's motion to its picture."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from streamer.config import Config, GeneratorConfig
from streamer.control import Desk
from streamer.generator.background import Backdrops, read_image
from streamer.generator.composite import WarpGenerator
from streamer.generator.fit import fit
from streamer.generator.library import Library
from streamer.generator.live import LiveGenerator
from streamer.portrait import Portrait


@contextmanager
def open_generator(config: GeneratorConfig, portrait: Portrait) -> Generator[WarpGenerator]:
    """The generator of one portrait, before the background of the settings.

    MediaError when the background's picture cannot be read.
    """
    generator = WarpGenerator(config, portrait)
    if config.background != "original":
        size = (generator.width, generator.height)
        backdrops = Backdrops(generator, fit(size, size), lambda: read_image(config))
        generator.scene = backdrops.view(config.background).scene
    yield generator


@contextmanager
def open_live_generator(
    config: Config, desk: Desk, load: Callable[[str], Portrait]
) -> Generator[LiveGenerator]:
    """The generator of a run; its other portraits are opened with `load` as they are asked for.

    Raises what `load` raises for the first one, MediaError when the pictures of the background or
    the card cannot be read. Closing takes less than a second.
    """
    library = Library(config, load, config.sink.size)
    generator = LiveGenerator(config, desk, library)
    with library:
        yield generator
