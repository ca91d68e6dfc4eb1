"""The virtual camera to its viewers, on any system; and the library's native code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamer.config import SinkConfig
from streamer.errors import DeviceError
from streamer.sink.diagnosis import unavailable
from streamer.sink.virtualcam import open_virtualcam
from tests.test_v4l2 import write
from tests.virtualcams import (
    CONFIG,
    FakeDriver,
    backend,
    backends,
    bare,
    failing,
    opened,
    picture,
    refusal,
)

SHIM = Path(__file__).parents[2] / "shared/tools/vcam/v4l2shim.c"


@pytest.fixture
def register():
    """Put a backend in the place of a real one, until the test is over."""
    with backends() as register:
        yield register


@pytest.fixture
def driver(tmp_path, register):
    driver = FakeDriver(tmp_path)
    register("v4l2loopback", backend(driver))
    return driver


def test_the_card_is_shown_at_once(driver):
    """Browsers list only cameras that already show something."""
    with opened(driver) as sink:
        assert driver.asked == [(64, 48, 30)]
        assert len(driver.frames) == 1
        assert (driver.image(0, 64, 48) == 90).all()
        name = f"{driver.node} 'Vivant AI portrait'"
        assert sink.label == f"{name}, 64 x 48 I420, v4l2loopback 0.15.0"


def test_pictures_go_out_as_they_come(driver):
    """No pace of its own: at one picture a second, these would take minutes."""
    with opened(driver, SinkConfig(kind="virtualcam", fps=1)) as sink:
        for value in range(200):
            sink.send(picture(value=value))
    assert [int(frame[0]) for frame in driver.frames[1:]] == list(range(200))


def test_views_of_other_arrays_arrive_whole(driver):
    """A crop, a mirror image: not contiguous in memory."""
    image = np.random.default_rng(1).integers(0, 255, (48, 128, 3), np.uint8)[:, ::-2]
    with opened(driver) as sink:
        sink.send(image)
    assert (driver.image(1, 64, 48) == image).all()


@pytest.mark.parametrize(
    "image", [picture(48, 64), np.zeros((48, 64, 4), np.uint8), np.zeros((48, 64, 3), np.float32)]
)
def test_pictures_of_another_kind_are_a_mistake_of_ours(driver, image):
    """The size of a camera is fixed while it is open."""
    with opened(driver) as sink, pytest.raises(ValueError, match=r"the camera \(48, 64, 3\)"):
        sink.send(image)


def test_the_device_is_closed_whatever_happens(driver):
    """Once, after the block, also when it fails."""
    with pytest.raises(KeyError), opened(driver):
        raise KeyError
    assert driver.frames
    assert not driver.shows


def test_odd_sizes_become_even(driver):
    """The colours of I420 have half the size."""
    with opened(driver, size=(63, 47)):
        assert driver.asked == [(64, 48, 30)]
        assert driver.image(0, 64, 48)[24, 32].tolist() == [90, 90, 90]


def test_a_missing_package_is_told_with_its_command(driver, monkeypatch):
    """It is an extra, for its licence."""
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    said = refusal(driver)
    assert said == (
        "the Python package pyvirtualcam is missing; run: pip install 'vivant[virtualcam]'"
        " (in a checkout: pip install '.[virtualcam]')"
    )


class FakeObs:
    """What OBS gives on Windows and macOS."""

    made: "list[FakeObs]"

    def __init__(self, *, width, height, fps, fourcc, device):
        self.args, self.frames, self.closed = (width, height, fps, device), [], False
        type(self).made.append(self)

    def send(self, frame):
        self.frames.append(frame)

    def close(self):
        self.closed = True

    def device(self):
        return "OBS Virtual Camera"

    def native_fourcc(self):
        return None


@pytest.fixture
def obs(register):
    FakeObs.made = []
    register("obs", FakeObs)
    return FakeObs


def open_elsewhere(root: Path, system: str, config: SinkConfig = CONFIG):
    return open_virtualcam(config, 64, 48, picture(), machine=bare(root, system))


@pytest.mark.parametrize("system", ["Windows", "Darwin"])
def test_obs_gives_the_camera_on_other_systems(tmp_path, obs, system):
    """Same behaviour: the card at once, open until the end."""
    with open_elsewhere(tmp_path, system) as sink:
        sink.send(picture())
        assert sink.label == "OBS Virtual Camera, 64 x 48, obs"
    (camera,) = obs.made
    assert camera.args == (64, 48, 30, None)
    assert len(camera.frames) == 2
    assert camera.closed


def test_unity_capture_is_the_second_on_windows(tmp_path, obs, register):
    """Where OBS is not."""
    register("unitycapture", FakeObs)
    register("obs", failing("OBS Virtual Camera device not found!"))
    with open_elsewhere(tmp_path, "Windows", SinkConfig(device="Unity Video Capture")) as sink:
        assert sink.label.endswith("unitycapture")
    assert obs.made[0].args[3] == "Unity Video Capture"


def test_without_obs_its_installation_is_explained(tmp_path, register):
    """In the words of each system."""
    register("obs", failing("not found!"))
    with (
        pytest.raises(DeviceError, match=r"no virtual camera: 'obs' backend: not found!.*once sta"),
        open_elsewhere(tmp_path, "Darwin"),
    ):
        pass
    assert "OBS 26" in unavailable(CONFIG, bare(tmp_path, "Windows"))
    write(tmp_path / "Applications/OBS.app/Contents/Info.plist", "")
    assert unavailable(CONFIG, bare(tmp_path, "Darwin")) == ""


def test_a_backend_that_the_library_lacks_is_no_crash(tmp_path):
    """It is a KeyError inside the library, and a second error when that is thrown away."""
    with (
        pytest.raises(DeviceError, match="pyvirtualcam has no obs here"),
        open_elsewhere(tmp_path, "Darwin"),
    ):
        pass


def test_systems_without_virtual_cameras(tmp_path):
    """BSD."""
    assert "there is no virtual camera for FreeBSD" in unavailable(
        CONFIG, bare(tmp_path, "FreeBSD")
    )
    with pytest.raises(DeviceError, match="FreeBSD"), open_elsewhere(tmp_path, "FreeBSD"):
        pass


NATIVE = """
import sys
from pathlib import Path
import numpy as np
from streamer.errors import DeviceError
from streamer.sink.diagnosis import Machine
from streamer.sink.v4l2loopback import open_loopback
from streamer.sink.virtualcam import VirtualCamera, library
from streamer.v4l2 import VideoDevice

device = VideoDevice(Path("/dev/video10"), 10, "x", "v4l2 loopback", False, True, True)
image = np.empty((512, 512, 3), np.uint8)
image[:] = 200, 60, 90
machine = Machine(root=Path(sys.argv[1]))
try:
    with open_loopback(library(), device, (512, 512), 30, machine) as camera:
        sink = VirtualCamera(camera)
        for _ in range(3):
            sink.send(image)
except DeviceError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """A library that pretends to be the device, for programs that it is loaded into."""
    gcc = shutil.which("gcc")
    if sys.platform != "linux" or gcc is None or not SHIM.exists():
        pytest.skip("needs Linux, gcc and the pretended device")
    file = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run([gcc, "-shared", "-fPIC", "-o", file, SHIM, "-ldl"], check=True)
    return file


def run_native(shim: Path, folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", NATIVE, folder],
        env={**os.environ, "LD_PRELOAD": str(shim), "V4L2SHIM_OUT": f"{folder}/raw", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_library_writes_i420(shim, tmp_path):
    """Real native code: size, count and colours of what it writes (BT.601, limited range)."""
    assert run_native(shim, tmp_path) == ""
    assert (tmp_path / "raw.fmt").read_text() == "YU12 512x512 393216\n"
    frames = np.fromfile(tmp_path / "raw", np.uint8).reshape(-1, 393216)
    assert len(frames) == 3
    luma, blue, red = frames[0][0], frames[0][512 * 512], frames[0][512 * 640]
    assert abs(int(luma) - 106) <= 2
    assert abs(int(blue) - 120) <= 2
    assert abs(int(red) - 187) <= 2


def test_the_librarys_words_for_missing_permission_are_understood(shim, tmp_path):
    """They are matched by their text."""
    said = run_native(shim, tmp_path, V4L2SHIM_EACCES="1")
    assert "/dev/video10 'x': this user may not write to it; run: sudo usermod -aG" in said
