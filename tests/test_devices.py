"""Which cameras there are and which one is meant."""

import sys
from pathlib import Path

import pytest
from av.device import DeviceInfo

from streamer import v4l2
from streamer.camera.devices import find, list_cameras
from streamer.errors import DeviceError
from tests.cameras import device


def video(number, label, driver="uvcvideo", *, captures=True, accessible=True):
    path = Path(f"/dev/video{number}")
    return v4l2.VideoDevice(
        path, number, label, driver, captures=captures, outputs=False, accessible=accessible
    )


@pytest.fixture
def linux(monkeypatch):
    def has(*devices):
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(v4l2, "devices", lambda: list(devices))
        return list_cameras()

    return has


def test_a_webcam_is_listed_with_its_place(linux):
    """Its data node says why it is none."""
    camera, data = linux(video(0, "C920"), video(1, "C920", captures=False))
    assert (camera.name, camera.address, camera.number) == ("C920", "/dev/video0", 0)
    assert (camera.system, camera.note, camera.virtual) == ("v4l2", "", False)
    assert str(camera) == "C920 (/dev/video0)"
    assert "not a camera" in data.note


def test_other_programs_pictures_come_last(linux):
    """They may be our own output."""
    cameras = linux(
        video(0, "OBS Cam", "v4l2 loopback"),
        video(1, "Vivant AI portrait", "v4l2 loopback", captures=False),
        video(2, "Integrated IR Camera"),
        video(3, "C920"),
    )
    assert [camera.number for camera in cameras] == [3, 2, 0, 1]
    assert [camera.virtual for camera in cameras] == [False, False, True, True]
    assert "no program writes" in cameras[3].note


def test_a_missing_permission_comes_with_its_command(linux):
    """It is told before anything is opened."""
    (camera,) = linux(video(0, "C920", captures=False, accessible=False))
    assert "usermod -aG video" in camera.note


@pytest.mark.parametrize(
    ("platform", "name", "address"),
    [("darwin", "0", "0:none"), ("win32", "@device_pnp_x", "video=@device_pnp_x")],
)
def test_other_systems_are_asked_through_ffmpeg(monkeypatch, platform, name, address):
    """Microphones are left out, virtual cameras and screens come last."""
    found = [
        DeviceInfo(place, shown, is_default=False, media_types=[kind])
        for place, shown, kind in (
            ("9", "OBS Virtual Camera", "video"),
            (name, "FaceTime HD Camera", "video"),
            ("1", "Microphone", "audio"),
            ("2", "Capture screen 0", "video"),
        )
    ]
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("av.device.enumerate_input_devices", lambda _: found)
    first, *others = list_cameras()
    assert (first.name, first.address, first.number) == ("FaceTime HD Camera", address, 1)
    assert all(camera.virtual for camera in others)
    assert len(others) == 2


def test_an_unknown_system_has_none(monkeypatch):
    """It is not an error to ask."""
    monkeypatch.setattr(sys, "platform", "sunos5")
    assert list_cameras() == []


def test_a_system_that_cannot_enumerate_has_none(monkeypatch):
    """PyAV may be built without the format."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert list_cameras() == []


C920 = device("HD Webcam C920", 0)
DATA = device("HD Webcam C920", 1, note="not a camera")
BUILT_IN = device("Integrated Camera", 4)
OURS = device("Vivant AI portrait", 10, virtual=True)
ALL = [C920, DATA, BUILT_IN, OURS]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (None, C920),
        ("c920", C920),
        ("integrated", BUILT_IN),
        (4, BUILT_IN),
        ("4", BUILT_IN),
        (1, DATA),
        ("/dev/video4", BUILT_IN),
        ("ai portrait", OURS),
    ],
)
def test_a_camera_is_meant_by_name_number_or_path(wanted, meant):
    """One that works goes before one that does not; a virtual one only when named."""
    assert find(ALL, wanted) is meant


def test_a_whole_name_goes_before_a_part_of_one():
    """Camera is not Camera 2."""
    cameras = [device("Camera 2", 2), device("Camera", 3)]
    assert find(cameras, "camera").number == 3


def test_a_link_to_a_device_is_followed(tmp_path):
    """As those in /dev/v4l/by-id."""
    (tmp_path / "by-id").symlink_to("/dev/video4")
    assert find(ALL, str(tmp_path / "by-id")) is BUILT_IN


def test_an_unknown_camera_is_told_with_those_there_are():
    """So that the name can be copied."""
    with pytest.raises(DeviceError) as caught:
        find(ALL, "c922")
    assert "c922" in str(caught.value)
    assert "HD Webcam C920 (/dev/video0)" in str(caught.value)


@pytest.mark.parametrize("cameras", [[], [OURS]])
def test_no_webcam_is_told(cameras):
    """A loop of our own output is not one."""
    with pytest.raises(DeviceError, match="no webcam found"):
        find(cameras, None)
