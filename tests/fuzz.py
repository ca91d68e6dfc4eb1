"""How many damaged inputs are tried: some hundreds; with VIVANT_FUZZ=10000 so many of each kind."""

import gc
import os

import pytest

_WANTED = int(os.environ.get("VIVANT_FUZZ") or 0)
long = pytest.mark.timeout(4 * 3600 if _WANTED else 120)
"""For tests that try many."""


def rounds(usual: int) -> int:
    """Of one test."""
    return _WANTED or usual


def count_of(kind: type) -> int:
    """How many objects of a class there are: what leaks shows here."""
    gc.collect()
    return sum(1 for thing in gc.get_objects() if type(thing) is kind)
