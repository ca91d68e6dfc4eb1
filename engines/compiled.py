"""Numba's compiler, with its results kept on disk where there is a place for them."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R], *, fastmath: bool = False) -> Callable[P, R]:
    """`function` as machine code, made at its first call (about half a second) and kept on disk.

    The place is `__pycache__` beside the source, or else the user's cache folder. Where neither
    can be written (a container's read-only system, a user without a home), it is made anew in
    every process.
    """
    compiler = cast("Any", numba.njit)
    options = {"fastmath": fastmath, "nogil": True, "boundscheck": False}
    try:
        return compiler(cache=True, **options)(function)
    except RuntimeError:  # numba's "no locator available": nowhere to keep it
        return compiler(cache=False, **options)(function)
