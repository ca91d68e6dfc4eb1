"""A portrait opened for a canvas, at one step of the quality ladder."""

from collections.abc import Callable
from dataclasses import dataclass

from streamer.config import GeneratorConfig
from streamer.frame import Image
from streamer.generator.background import Backdrops
from streamer.generator.canvas import canvas_of
from streamer.generator.composite import WarpGenerator
from streamer.generator.fit import fit
from streamer.generator.refined import Painter
from streamer.generator.shelf import Make
from streamer.portrait import Portrait


@dataclass(frozen=True, slots=True)
class Opened:
    """A portrait that can be drawn."""

    name: str
    level: int
    warp: WarpGenerator
    """steps of the ladder with pictures of one size share it, and the backdrops"""
    generator: Painter
    backdrops: Backdrops


def open_warp(
    config: GeneratorConfig,
    portrait: Portrait,
    canvas: tuple[int, int],
    scale: float,
    image: Callable[[], Image],
    make: Make = WarpGenerator,
) -> tuple[WarpGenerator, Backdrops]:
    """What draws it without a refiner, and what is behind it on a canvas (width, height).

    `scale` is the picture's size relative to the best; `image` is that of `Backdrops`,
    `make` opens it.
    """
    best = canvas_of(config, portrait)
    place = fit(canvas, (best.width, best.height))
    side = min(max(best.width, best.height), max(place.width, place.height))
    side = max(2, round(side * scale))
    warp = make(config.model_copy(update={"size": side}), portrait)
    return warp, Backdrops(warp, place, image)
