"""Compiled code and where it is kept."""

import numba
import pytest

from engines.compiled import compiled

NOWHERE = "/dev/null"


@pytest.fixture
def add(monkeypatch):
    """A function beside whose source nothing can be written, for a user without a cache folder."""
    monkeypatch.setenv("HOME", NOWHERE)
    monkeypatch.setenv("XDG_CACHE_HOME", NOWHERE)
    names = {}
    exec(compile("def add(a, b):\n    return a + b\n", f"{NOWHERE}/add.py", "exec"), names)
    return names["add"]


def test_code_runs_where_no_folder_can_be_written(add):
    """A read-only system costs time at every start, not the program."""
    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(cache=True)(add)
    assert compiled(add)(1, 2) == 3
