"""What the doctor's other process does, here without a process of its own."""

import errno
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from streamer.camera import devices, feed
from streamer.camera.devices import NO_PERMISSION, CameraDevice
from streamer.config import CameraConfig
from streamer.doctor import child

GOOD, BUSY, SILENT, CLOSED, OWN = (
    CameraDevice(name, f"/dev/video{n}", "v4l2", n, Path(f"/dev/video{n}"), note, virtual=own)
    for n, (name, note, own) in enumerate(
        [
            *(("Good", "", False), ("Busy", "", False), ("Silent", "", False)),
            *(("Closed", NO_PERMISSION, False), ("Vivant AI portrait", "", True)),
        ]
    )
)


@pytest.fixture
def opened(monkeypatch):
    """The cameras above; the names of those that were opened, and closed."""
    events = []

    def open_feed(device, asked, on_drop):
        events.append(device.name)
        if device is BUSY:
            raise OSError(errno.EBUSY, "busy")
        image = None if device is SILENT else object()
        return SimpleNamespace(
            label="as obtained", take=lambda _: image, close=lambda: events.append("closed")
        )

    monkeypatch.setattr(devices, "list_cameras", lambda: [GOOD, BUSY, SILENT, CLOSED, OWN])
    monkeypatch.setattr(feed, "open_feed", open_feed)
    return events


def job(capsys, name, argument=""):
    """What it says."""
    child.main(name, argument)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_cameras_are_opened_until_they_give_an_image(capsys, opened):
    """Those that may be; never our own virtual one. What was opened is closed."""
    found = job(capsys, "open_cameras", CameraConfig().model_dump_json())
    listed = [line["camera"] for line in found if "camera" in line]
    assert listed == [str(camera) for camera in (GOOD, BUSY, SILENT, CLOSED)]
    assert [line["camera"] for line in found if line.get("forbidden")] == [str(CLOSED)]
    good, busy, silent = [line for line in found if "opened" in line]
    assert (good["opened"], good["label"]) == (str(GOOD), "as obtained")
    assert busy["problem"].startswith(f"{BUSY} is in use by ")
    assert "no picture" in silent["problem"]
    assert opened == ["Good", "closed", "Busy", "Silent", "closed"]


def test_cameras_are_listed_and_left_alone(capsys, opened):
    """And the one that is wanted is told if it is not there."""
    config = CameraConfig(device="gone").model_dump_json()
    found = job(capsys, "cameras", config)
    assert opened == []
    assert found[-1]["missing"].startswith("camera.device gone: no such camera")


def test_a_library_that_fails_hides_no_other(capsys, monkeypatch):
    """Each is told by itself; a missing system library with its remedy."""

    def load(module):
        if module == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file")
        if module == "av":
            raise AttributeError("of another version\nmore")

    monkeypatch.setattr(child.importlib, "import_module", load)
    ends = {line["end"]: line["problem"] for line in job(capsys, "libraries") if "end" in line}
    assert ends["opencv"].startswith("the system library libGL.so.1 is missing; run: ")
    assert ends["av"] == "AttributeError: of another version"
    assert set(ends) == set(child.LIBRARIES)
    assert ends["mediapipe"] == ""


def test_microphones_come_with_the_default_first(capsys, monkeypatch):
    """Devices that only play are left out."""
    listed = [
        {"name": name, "index": index, "max_input_channels": channels}
        for index, (name, channels) in enumerate([("hw", 2), ("speaker", 0), ("default", 2)])
    ]
    default = SimpleNamespace(device=(2, 1))
    library = SimpleNamespace(query_devices=lambda: listed, default=default)
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    assert job(capsys, "microphones") == [{"microphone": "default"}, {"microphone": "hw"}]


@contextmanager
def _tracker(_):
    yield SimpleNamespace(track=lambda image: image)


def test_speed_is_a_mean_of_each_stage(capsys, monkeypatch):
    """After a warm-up, for less than a second."""
    ticks = iter(range(0, 10**15, 50_000_000))
    monkeypatch.setattr(child, "monotonic_ns", lambda: next(ticks))
    monkeypatch.setattr("streamer.tracker.open_tracker", _tracker)
    monkeypatch.setattr(child, "_opened", lambda: (1, lambda a, t: a, lambda motion: motion))
    (found,) = job(capsys, "speed")
    assert found == {"frames": 3, "track": 50.0, "retarget": 50.0, "generate": 50.0}
