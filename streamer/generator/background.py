"""What is behind the person: the photo's own background, or another one."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from engines.raster import blend_over
from engines.vision import resized
from streamer.config import Background, GeneratorConfig
from streamer.errors import ConfigError
from streamer.frame import Image
from streamer.generator.composite import Scene, WarpGenerator, white
from streamer.generator.fit import (
    Fit,
    Surround,
    continued,
    covering,
    darken,
    dithered,
    embodied,
    soft,
)
from streamer.picture import read_picture

GREEN = (0, 177, 64)
"""What chroma keys look for."""
_BLUR = 0.03
"""Of the blurred background: sigma, in the canvas' height."""
_KEPT = 2
_DARKENED: tuple[Background, ...] = ("original", "blur")
_FLAT: dict[Background, tuple[int, int, int]] = {"green": GREEN, "matte": (0, 0, 0)}


def read_image(config: GeneratorConfig) -> Image:
    """The picture that the settings put behind the person; MediaError when it cannot be read."""
    if config.image is None:
        raise ConfigError(
            "generator.background: image needs a picture; name one with --set generator.image=FILE"
        )
    return read_picture(Path(config.image))


@dataclass(frozen=True, slots=True)
class View:
    """How one portrait is shown before one background."""

    scene: Scene
    surround: Surround


class Backdrops:
    """The views of one generator on one canvas, each made when it is asked for.

    `image` gives the picture behind the person, where that is wanted; it may raise.
    """

    def __init__(self, generator: WarpGenerator, fit: Fit, image: Callable[[], Image]) -> None:
        self._generator, self._fit, self._image = generator, fit, image
        self._lock = threading.Lock()
        self._views: dict[Background, View] = {}

    def view(self, kind: Background) -> View:
        """The portrait before this background; the two last ones are kept."""
        with self._lock:
            view = self._views.pop(kind, None) or self._made(kind)
            self._views[kind] = view
            while len(self._views) > _KEPT:
                del self._views[next(iter(self._views))]
            return view

    def _made(self, kind: Background) -> View:
        generator, fit = self._generator, self._fit
        if kind == "original":
            return self._viewed(generator.original, self._before(self._wide, kind))
        behind = self._behind(kind)
        part = _sized(behind[fit.rows, fit.columns], (generator.width, generator.height))
        scene = generator.on(part, silhouette=kind == "matte")
        return self._viewed(scene, self._before(behind, kind))

    def _viewed(self, scene: Scene, canvas: Image) -> View:
        fit = self._fit
        canvas[fit.rows, fit.columns] = _sized(scene.still, (fit.width, fit.height))
        return View(scene, Surround(canvas, fit))

    def _behind(self, kind: Background) -> Image:
        """(H, W, 3) of the canvas."""
        if kind == "image":
            return covering(self._image(), self._fit.canvas)
        if kind == "blur":
            return dithered(soft(self._wide, _BLUR * self._fit.canvas[1]))
        return np.full_like(self._wide, _FLAT[kind])

    def _before(self, behind: Image, kind: Background) -> Image:
        """(H, W, 3) the person's body beside the picture, laid on the canvas."""
        canvas = np.empty_like(behind)
        blend_over(white(self._body) if kind == "matte" else self._body, behind, canvas)
        if kind in _DARKENED:
            darken(canvas, self._fit)
        return canvas

    @cached_property
    def _wide(self) -> Image:
        """(H, W, 3) the photo's background, over the whole canvas."""
        generator, fit = self._generator, self._fit
        plate = generator.canvas.shown(generator.portrait.plate)
        return continued(_sized(plate, (fit.width, fit.height)), fit)

    @cached_property
    def _body(self) -> Image:
        """(H, W, 4) the person at rest, premultiplied, over the whole canvas."""
        fit = self._fit
        return embodied(_sized(self._generator.at_rest, (fit.width, fit.height)), fit)


def _sized(image: Image, size: tuple[int, int]) -> Image:
    if (image.shape[1], image.shape[0]) == size:
        return image
    smaller = size[0] < image.shape[1]
    return resized(image, size, cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
