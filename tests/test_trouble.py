"""What errors of cameras mean."""

import errno
from dataclasses import replace

import pytest

from streamer import v4l2
from streamer.camera.trouble import explain
from tests.cameras import device


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "sudo usermod -aG video $USER"),
        (errno.ENODEV, "is not there; plug it in"),
        (errno.ENOTTY, "not a camera; choose another with camera.device"),
        (errno.ENOSPC, "smaller camera.size"),
        (errno.EIO, "failed: some words; unplug it"),
    ],
)
def test_each_error_comes_with_its_remedy(code, words):
    """In one line that names the camera."""
    line = explain(OSError(code, "some words"), device("C920"))
    assert words in line
    assert line.startswith("C920 (/dev/video0)")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("holders", "who"),
    [([], "another program"), (["zoom (pid 4242)"], "zoom (pid 4242)")],
)
def test_a_busy_camera_names_who_holds_it(monkeypatch, holders, who):
    """As far as this user may know."""
    monkeypatch.setattr(v4l2, "holders", lambda _: holders)
    line = explain(OSError(errno.EBUSY, "busy"), device("C920"))
    assert line == f"C920 (/dev/video0) is in use by {who}; close it there"


def test_a_silent_camera_is_told():
    """It was opened, but shows nothing."""
    assert "gives no picture" in explain(TimeoutError(), device())


def test_windows_calls_a_busy_camera_an_input_error():
    """DirectShow has no number for it."""
    camera = replace(device(), path=None, system="dshow")
    assert "in use by another program" in explain(OSError(errno.EIO, "I/O error"), camera)


@pytest.mark.parametrize(
    ("platform", "words"), [("darwin", "System Settings"), ("win32", "Settings")]
)
def test_permission_is_given_elsewhere_on_other_systems(monkeypatch, platform, words):
    """There is no group video there."""
    monkeypatch.setattr("sys.platform", platform)
    assert words in explain(OSError(errno.EACCES, "no"), device())
