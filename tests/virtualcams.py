"""A made-up v4l2loopback, which the real pyvirtualcam writes to, and computers without any."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pyvirtualcam import register_backend
from pyvirtualcam.camera import BACKENDS

from streamer.config import SinkConfig
from streamer.errors import DeviceError
from streamer.sink.diagnosis import Machine
from streamer.sink.virtualcam import open_virtualcam
from streamer.v4l2 import Capabilities
from tests.test_v4l2 import plug, write

LABEL = "Vivant AI portrait"
LOAD = (
    "sudo modprobe v4l2loopback devices=1 video_nr=10"
    ' card_label="Vivant AI portrait" exclusive_caps=1 max_buffers=4'
)
CONFIG = SinkConfig(kind="virtualcam")


class FakeDriver:
    """v4l2loopback with one device: what it tells, what it is sent, and who holds its format."""

    def __init__(self, root: Path, number: int = 10, label: str = LABEL) -> None:
        self.node = root / f"dev/video{number}"
        self.folder = plug(root, number, label, loopback=True)
        self.root = root
        self.number = number
        self.writer = False
        self.shows = False
        self.forgets = False
        """As 0.12: no output any more once a writer has left."""
        self.late = False
        """As 0.12: no format before the first picture."""
        self.deaf = False
        """Writes fail, unseen."""
        self.open_to_all = False
        """exclusive_caps=0"""
        self.outputs = True
        self.held = ""
        """The format in which a viewer keeps the device."""
        self.asked: list[tuple[int, int, float]] = []
        self.frames: list[np.ndarray] = []
        self.revived = 0
        write(root / "sys/module/v4l2loopback/version", "0.15.0")

    def ask(self, path: Path) -> Capabilities:
        if path != self.node:
            return Capabilities("uvcvideo", "", captures=True, outputs=False)
        return Capabilities(
            "v4l2 loopback",
            "",
            captures=self.shows or self.open_to_all,
            outputs=(self.outputs and not self.shows) or self.open_to_all,
        )

    def revive(self, path: Path) -> None:
        self.revived += 1
        self.outputs = True

    def open(self, width: int, height: int, fps: float) -> None:
        if not self.outputs:
            raise RuntimeError(f"Device {self.node} is not a video output device.")
        self.asked.append((width, height, fps))
        self.size = (width, height)
        self.tell(late=self.late)

    def write(self, frame: np.ndarray) -> None:
        self.frames.append(frame.copy())
        self.shows = not self.deaf
        self.tell(late=False)

    def close(self) -> None:
        self.shows = False
        self.outputs = not self.forgets
        self.tell(late=True)

    def tell(self, *, late: bool) -> None:
        own = "YU12:{}x{}@30".format(*self.size)
        if self.folder.exists():
            (self.folder / "format").write_text("" if late else self.held or own)

    def image(self, at: int, width: int, height: int) -> np.ndarray:
        return self.frames[at].reshape(height, width, 3)


def backend(driver: FakeDriver) -> type:
    """The driver as the library's backends see it."""

    class Backend:
        def __init__(self, *, width, height, fps, fourcc, device):
            assert device == str(driver.node)
            driver.open(width, height, fps)

        def send(self, frame):
            driver.write(frame)

        def close(self):
            driver.close()

        def device(self):
            return str(driver.node)

        def native_fourcc(self):
            return None

    return Backend


@contextmanager
def backends() -> Generator[Callable[[str, type], None]]:
    """Puts backends in the place of real ones, until the block is over."""
    before = dict(BACKENDS)
    yield register_backend
    BACKENDS.clear()
    BACKENDS.update(before)


def failing(text: str) -> type:
    class Backend:
        def __init__(self, **_):
            raise RuntimeError(text)

    return Backend


def machine(driver: FakeDriver, **changes) -> Machine:
    return Machine(
        system="Linux", root=driver.root, ask=driver.ask, revive=driver.revive, **changes
    )


def bare(root: Path, system: str = "Linux", *, tool: str = "apt-get", package: bool = True):
    """A computer without any device."""
    return Machine(
        system=system,
        root=root,
        which=lambda name: name if name == tool else None,
        package=lambda: package,
        environ={},
    )


def picture(width: int = 64, height: int = 48, value: int = 90) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def opened(driver: FakeDriver, config: SinkConfig = CONFIG, size=(64, 48), **changes):
    return open_virtualcam(config, *size, picture(*size), machine=machine(driver), **changes)


def refusal(driver: FakeDriver, config: SinkConfig = CONFIG) -> str:
    """Why it does not open: one line."""
    with pytest.raises(DeviceError) as caught, opened(driver, config):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)
