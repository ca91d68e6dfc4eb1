"""OpenCV with types: bytes give bytes, floats give floats; sizes are (width, height)."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.geometry import Array

Image = NDArray[np.uint8]
P = TypeVar("P", NDArray[np.uint8], NDArray[np.float32])

_cv2 = cast("Any", cv2)


def resized(image: P, size: tuple[int, int], method: int = cv2.INTER_AREA) -> P:
    """The picture at another size."""
    return _cv2.resize(image, size, interpolation=method)


def blurred(image: P, sigma: float) -> P:
    """Gaussian blur of `sigma` px."""
    return _cv2.GaussianBlur(image, (0, 0), sigma)


def guided(image: P, guide: Array, radius: int, softness: float) -> P:
    """Smoothed along the edges of `guide` (guided filter, He et al. 2010)."""
    return _cv2.ximgproc.guidedFilter(guide, image, radius, softness)


def eroded(image: P, kernel: Image) -> P:
    """The least value under the kernel."""
    return _cv2.erode(image, kernel)


def dilated(image: P, kernel: Image) -> P:
    """The greatest value under the kernel."""
    return _cv2.dilate(image, kernel)


def square(side: int) -> Image:
    """A full kernel."""
    return np.ones((side, side), np.uint8)


def mixed(a: Image, b: Image, share: float) -> Image:
    """From `a` (0) to `b` (1)."""
    return _cv2.addWeighted(a, 1 - share, b, share, 0)


def disc(side: int) -> Image:
    """A round kernel."""
    return _cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def warped(
    image: P,
    matrix: Array,
    size: tuple[int, int],
    flags: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_CONSTANT,
) -> P:
    """The picture moved by an affine `matrix` (2, 3), at another size."""
    return _cv2.warpAffine(image, matrix, size, flags=flags, borderMode=border)


def remapped(
    image: P, places: Array, border: int = cv2.BORDER_CONSTANT, method: int = cv2.INTER_CUBIC
) -> P:
    """(h, w, ...) the picture's values at `places` (h, w, 2)."""
    return _cv2.remap(image, places, None, method, borderMode=border)


def grey(picture: Image) -> Array:
    """(H, W) luma, 0-255."""
    return _cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)


def laplacian(values: Array, side: int = 1) -> Array:
    """Second derivative, by a kernel of this side."""
    return _cv2.Laplacian(values, cv2.CV_32F, ksize=side)


def fill_convex(mask: Image, corners: NDArray[np.int32]) -> None:
    """Set a convex polygon (N, 2) of the mask to 1."""
    _cv2.fillConvexPoly(mask, corners, 1)


def fill_hull(mask: Image, points: NDArray[np.int32]) -> None:
    """Set the convex hull of the points (N, 2) to 1."""
    _cv2.fillConvexPoly(mask, _cv2.convexHull(points), 1)
