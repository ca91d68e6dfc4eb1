"""Which camera is opened; the devices are lavfi's test pictures."""

import errno

import pytest

from streamer import v4l2
from streamer.bundled import clip_path
from streamer.camera import open_camera
from streamer.camera.choose import Machine, relocated
from streamer.camera.devices import NO_PERMISSION
from streamer.camera.webcam import Patience
from streamer.config import CameraConfig
from streamer.errors import DeviceError, MediaError
from tests.cameras import device, pattern, refusing, until
from tests.media import make_counted

C920 = device("C920", 0)
DATA = device("C920", 1, note="gives no pictures: the data node of one")
BUILT_IN = device("Integrated Camera", 2)
LOCKED = device("Locked", 3, note=NO_PERMISSION)
OURS = device("Vivant AI portrait", 10, virtual=True)


class Desk:
    """The devices of a computer: those that work, and the error of those that do not."""

    def __init__(self, *cameras, broken=None):
        self.cameras = cameras
        self.broken = broken or {}
        self.tried = []

    def opener(self, address, system, options):
        self.tried.append(address)
        if address in self.broken:
            refusing(self.broken[address])(address, system, options)
        return pattern("64x64")(address, system, options)

    def open(self, *, loop=True, **settings):
        machine = Machine(lambda: self.cameras, self.opener, Patience())
        config = CameraConfig(size=(64, 64), **settings)
        return open_camera(config, [].append, loop=loop, machine=machine)


@pytest.fixture
def clip(tmp_path):
    return make_counted(tmp_path / "clip.mp4")


@pytest.mark.parametrize("kind", ["auto", "webcam"])
def test_the_first_webcam_is_taken(kind):
    """Data nodes are passed over."""
    desk = Desk(DATA, C920, BUILT_IN)
    with desk.open(kind=kind) as camera:
        assert camera.label.startswith("C920 (/dev/video0), 64 x 64")
        assert until(camera.read).shape == (64, 64, 3)
    assert set(desk.tried) == {"/dev/video0"}


def test_a_webcam_that_fails_gives_way_to_the_next():
    """The first that shows something."""
    desk = Desk(C920, BUILT_IN, broken={"/dev/video0": errno.EBUSY})
    with desk.open() as camera:
        assert camera.label.startswith("Integrated Camera")


def test_the_named_webcam_is_taken():
    """By a part of its name."""
    with Desk(C920, BUILT_IN).open(device="integrated") as camera:
        assert camera.label.startswith("Integrated Camera")


def test_our_own_output_is_no_input(clip):
    """Unless it is named."""
    with Desk(OURS).open(clip=str(clip)) as camera:
        assert "no webcam found" in camera.label
    with Desk(OURS).open(device="ai portrait") as camera:
        assert camera.label.startswith("Vivant AI portrait")


def test_without_a_webcam_the_clip_is_shown(clip):
    """And the label says why."""
    with Desk().open(clip=str(clip)) as camera:
        assert camera.label == f"the clip {clip}, looped: no webcam found"
        assert camera.state == ""
        assert camera.read().shape == (48, 64, 3)
    with Desk().open(clip=str(clip), loop=False) as camera:
        assert camera.label == f"the clip {clip}: no webcam found"


def test_the_bundled_clip_is_called_so():
    """It comes with the program."""
    if not clip_path("demo").exists():
        pytest.skip("the bundled clip is not here")
    with Desk().open() as camera:
        assert camera.label == "the bundled clip demo, looped: no webcam found"


def test_every_reason_is_told(clip, monkeypatch):
    """Once for each camera."""
    monkeypatch.setattr(v4l2, "holders", lambda _: ["zoom (pid 4242)"])
    desk = Desk(C920, DATA, LOCKED, broken={"/dev/video0": errno.EBUSY})
    with desk.open(clip=str(clip)) as camera:
        told = camera.label
    assert told.count("C920 (/dev/video0) is in use by zoom (pid 4242)") == 1
    assert "Locked (/dev/video3): no permission; run: sudo usermod" in told


@pytest.mark.parametrize(
    ("desk", "settings", "words"),
    [
        (Desk(), {}, "no webcam found"),
        (Desk(C920), {"device": "c922"}, "camera.device c922: no such camera; there is C920"),
        (Desk(DATA), {"device": 1}, "gives no pictures"),
        (Desk(LOCKED), {}, "usermod"),
        (Desk(C920, BUILT_IN, broken={"/dev/video2": errno.EBUSY}), {"device": 2}, "in use"),
    ],
)
def test_a_webcam_that_is_asked_for_must_be_there(desk, settings, words):
    """No clip takes its place."""
    with pytest.raises(DeviceError, match=words), desk.open(kind="webcam", **settings):
        pass


def test_a_named_webcam_is_not_replaced_by_another(clip):
    """But by the clip, where anything goes."""
    desk = Desk(C920, BUILT_IN, broken={"/dev/video2": errno.EBUSY})
    with desk.open(device="integrated", clip=str(clip)) as camera:
        assert camera.label.startswith("the clip")
        assert "in use" in camera.label
    assert desk.tried == ["/dev/video2"]


def test_a_clip_that_is_asked_for_needs_no_webcam(clip):
    """Nothing is opened or listed."""
    desk = Desk(C920)
    with desk.open(kind="replay", clip=str(clip)) as camera:
        assert camera.label == "clip.mp4 at its own pace, 25 fps"
        assert camera.state == ""
    assert desk.tried == []


def test_a_missing_clip_is_an_error(tmp_path):
    """It is told before the run begins."""
    with pytest.raises(MediaError), Desk().open(clip=str(tmp_path / "none.mp4")):
        pass


def test_a_lost_camera_is_found_by_its_name():
    """Its number may have changed; the same place goes first among equals."""
    first, second = device("C920", 4), device("C920", 5)
    assert relocated([DATA, BUILT_IN, first, second], second, None) is second
    assert relocated([DATA, BUILT_IN, first], second, None) is first


def test_another_camera_does_not_take_the_place_of_a_lost_one():
    """Unless the place was named, and not the camera."""
    other = device("Another room", 0)
    assert relocated([other], C920, None) is None
    assert relocated([other], C920, "c920") is None
    assert relocated([other], C920, "/dev/video0") is other
    assert relocated([], C920, 0) is None
