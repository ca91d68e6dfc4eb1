"""A photo as a painter might have seen it: strokes, few tones, canvas and old varnish.

Paintings are what portraits are made of, too, and there are too few free ones to learn from them.
What is done here is done before a disguise, so that the strokes move with the skin.
"""

from typing import Any, cast

import cv2
import numpy as np

from streamer.frame import Array, Image
from streamer.portrait import Portrait
from streamer.tuning.people import portrait_of
from tools.heads.style import brushed, oil

_VARNISH = np.array([1.0, 0.93, 0.75], np.float32)
"""Light that comes back through a layer of it."""
_RELIEF = (0.008, 0.04)


def painted(portrait: Portrait, rng: np.random.Generator) -> Portrait:
    """The same face in the same place, in another's hand."""
    picture = _stroked(portrait.picture, rng).astype(np.float32) / 255
    grey = picture.mean(2, keepdims=True)
    picture = grey + (picture - grey) * np.float32(rng.uniform(0.5, 1.1))
    picture = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.85, 1.5))
    picture *= 1 + (_VARNISH - 1) * np.float32(rng.uniform(0, 1))
    strength = float(rng.uniform(*_RELIEF))
    relief = _canvas if rng.random() < 0.5 else brushed
    picture *= 1 + relief(rng, picture.shape[:2], strength)[..., None]
    image = np.clip(picture * 255, 0, 255).astype(np.uint8)
    return portrait_of(image, portrait.matte, portrait.landmarks, portrait.name)


def _stroked(picture: Image, rng: np.random.Generator) -> Image:
    """Details gone that a brush does not make, edges kept."""
    kind = int(rng.choice(3))
    if kind == 0:
        return picture
    if kind == 1:
        return cast("Image", cast("Any", cv2).medianBlur(picture, int(rng.choice((3, 5)))))
    return oil(picture, 2, 1)


def _canvas(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> Array:
    """(h, w) relief of threads and small cracks, longer one way than the other, of mean 0."""
    noise = rng.normal(size=shape).astype(np.float32)
    across, down = (float(rng.uniform(0.5, 2.0)) for _ in range(2))
    fine, coarse = (
        cv2.GaussianBlur(noise, (0, 0), across * width, sigmaY=down * width) for width in (1, 3)
    )
    grain = np.asarray(fine - coarse, np.float32)
    return strength * grain / grain.std()
