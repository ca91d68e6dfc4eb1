"""Advice on libraries that are not there."""

import pytest

from streamer.missing import advice

GONE = "cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError(f"libGL.so.1: {GONE}"), ("libGL.so.1", "libgl1", "libglib2.0-0")),
        (ImportError(f"libgthread-2.0.so.0: {GONE}"), ("libgthread-2.0.so.0", "libglib2.0-0")),
        (ImportError(f"libEGL.so.1: {GONE}"), ("libEGL.so.1", "libegl1")),
        (OSError(f"libGLESv2.so.2: {GONE}"), ("libGLESv2.so.2", "libgles2")),
        (ModuleNotFoundError("no", name="av.container"), ("package av ", "pip install")),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(error, words):
    """The file, and a command to copy."""
    line = advice(error)
    assert all(word in line for word in words)


@pytest.mark.parametrize("error", [ImportError("cannot import name 'x'"), OSError(28, "No space")])
def test_other_errors_get_no_such_advice(error):
    """A bug is not a missing library."""
    assert advice(error) is None
