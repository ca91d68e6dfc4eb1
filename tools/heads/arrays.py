"""What posing and shading need beyond the functions that NumPy and torch share by name.

Code between the two names an array `Values` and calls functions of `Library.xp` by position, since
the names of their parameters differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, spatial

from streamer.frame import Array

Values = Any
"""an array of NumPy or a tensor of torch"""
Sparse = Any
"""a sparse matrix of scipy (float32, by rows)"""


class Library(Protocol):
    """NumPy, or torch on one device."""

    @property
    def xp(self) -> Values:
        """The module."""
        ...

    def put(self, array: NDArray[Any]) -> Values:
        """The array, where the library computes."""
        ...

    def put_matrix(self, matrix: Sparse) -> Values:
        """The sparse matrix, where the library computes; for `xp`'s operator @."""
        ...

    def get(self, values: Values) -> NDArray[Any]:
        """The values as an array of NumPy."""
        ...

    def whole(self, values: Values) -> Values:
        """Cut off what is after the point: integers of 64 bits, to be used as indices."""
        ...

    def real(self, values: Values) -> Values:
        """float32."""
        ...

    def where_true(self, mask: Values) -> Values:
        """(n,) indices into the flat `mask`."""
        ...


@dataclass(frozen=True, slots=True)
class NumpyLibrary:
    """The library of the path for processors."""

    xp: Any = np

    def put(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same array."""
        return array

    def put_matrix(self, matrix: Sparse) -> Sparse:
        """The same matrix."""
        return matrix

    def get(self, values: NDArray[Any]) -> NDArray[Any]:
        """The same array."""
        return values

    def whole(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """As the protocol says."""
        return values.astype(np.int64)

    def real(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """As the protocol says."""
        return values.astype(np.float32)

    def where_true(self, mask: NDArray[Any]) -> NDArray[np.int64]:
        """As the protocol says."""
        return np.flatnonzero(mask)


def floats(values: Sequence[float] | Sequence[Sequence[float]]) -> Array:
    """The numbers as an array."""
    return np.asarray(values, np.float32)


def dot(a: Values, b: Values) -> Values:
    """(..., 3) x (..., 3) -> (...)."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def cross(xp: Values, a: Values, b: Values) -> Values:
    """(..., 3) x (..., 3) -> (..., 3)."""
    (ax, ay, az), (bx, by, bz) = ((v[..., 0], v[..., 1], v[..., 2]) for v in (a, b))
    return xp.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def unit(xp: Values, a: Values) -> Values:
    """(..., 3) scaled to length 1; zeros stay."""
    return a / (xp.sqrt(dot(a, a)) + 1e-9)[..., None]


def smooth(xp: Values, low: float, high: float, x: Values) -> Values:
    """0 below `low`, 1 above `high`, smooth between."""
    t = xp.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def csr(data: Values, rows: Values, columns: Values, shape: tuple[int, int]) -> Sparse:
    """A sparse matrix (float32) of entries; those of one place are added."""
    build = cast("Any", sparse.csr_matrix)
    return build((np.asarray(data, np.float32), (rows, columns)), shape=shape)


def stacked(matrices: Sequence[Sparse]) -> Sparse:
    """The rows of sparse matrices, one below the other."""
    return cast("Any", sparse).vstack(matrices).tocsr()


def closest(points: Array, among: Array, count: int = 1) -> tuple[Array, NDArray[np.int64]]:
    """Distances and numbers of the nearest `among` (m, d) to `points` (n, d).

    (n,) each, or (n, count) where more than one is wanted, the nearest first.
    """
    away, which = cast("Any", spatial).cKDTree(among).query(points, k=count)
    return away.astype(np.float32), which.astype(np.int64)
