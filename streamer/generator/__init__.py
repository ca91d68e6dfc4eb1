"""From the portrait's motion to its picture."""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

from streamer.config import Config, GeneratorConfig
from streamer.control import Desk
from streamer.engine.choose import choose_engine
from streamer.errors import EngineError
from streamer.generator.background import Backdrops, read_image
from streamer.generator.bench import Bench
from streamer.generator.composite import WarpGenerator
from streamer.generator.fit import fit
from streamer.generator.ladder import levels_of
from streamer.generator.library import Library
from streamer.generator.live import LiveGenerator
from streamer.generator.refined import Painter, RefinedGenerator
from streamer.generator.shelf import Common
from streamer.generator.sights import shapes_of, sight_of
from streamer.generator.supply import Choose
from streamer.generator.workshop import Workshop
from streamer.portrait import Portrait

_PATIENCE_S = 0.5
"""How long a run's start waits for engines: those that are there at once are told at once."""
_log = logging.getLogger(__name__)


@contextmanager
def open_generator(
    config: GeneratorConfig, portrait: Portrait, choose: Choose = choose_engine
) -> Generator[Painter]:
    """The generator of one portrait, before the background of the settings, refined as can be.

    MediaError when the background's picture cannot be read, EngineError when the refiner of the
    settings cannot be used.
    """
    warp = WarpGenerator(config, portrait)
    size = (warp.width, warp.height)
    if config.background != "original":
        backdrops = Backdrops(warp, fit(size, size), lambda: read_image(config))
        warp.scene = backdrops.view(config.background).scene
    bench = Workshop(choose).bench(config, None, lambda: None)
    try:
        yield _best(config, warp, bench)
    finally:
        bench.close()


def _best(config: GeneratorConfig, warp: WarpGenerator, bench: Bench) -> Painter:
    """The best that can be had, however slow it is: nobody waits for single pictures."""
    problem: EngineError | None = None
    for level in levels_of(config):
        if level.refinement is None:
            break
        try:
            shapes = shapes_of(warp, level.refinement, (warp.width, warp.height))
            choice = bench.opened(shapes)
            facts = choice.facts
            sight = sight_of(warp, level.refinement, facts.contract, choice.embed, facts.digest)
        except EngineError as error:
            if config.refiner != "auto":
                raise
            problem = problem or error
            _log.warning("%s cannot be used: %s", level.name, error)
            continue
        return RefinedGenerator(warp, choice.engine, sight, bench.failed, config.show)
    if problem is not None and config.show == "gate":
        raise problem
    return warp


@contextmanager
def open_live_generator(
    config: Config,
    desk: Desk,
    load: Callable[[str], Portrait],
    common: Common | None = None,
) -> Generator[LiveGenerator]:
    """The generator of a run; its other portraits are opened with `load` as they are asked for.

    `common` is what it shares with other runs; None = nothing.
    Raises what `load` raises for the first one, MediaError when the pictures of the background or
    the card cannot be read. Closing takes less than a second.
    """
    library = Library(config, load, config.sink.size, common)
    generator = LiveGenerator(config, desk, library)
    with library:
        library.settle(_PATIENCE_S)
        yield generator
