"""The virtual camera: what call programs and OBS see. v4l2loopback on Linux, OBS elsewhere."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any, cast

import numpy as np

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.config import SinkConfig
from streamer.errors import DeviceError
from streamer.frame import Image
from streamer.missing import advice
from streamer.sink import diagnosis
from streamer.sink.canvas import Canvas, Open, Opened, Raw, Size, even
from streamer.sink.diagnosis import Machine
from streamer.sink.v4l2loopback import open_v4l2loopback
from streamer.stages import Sink

_BACKENDS = {"Windows": ("obs", "unitycapture"), "Darwin": ("obs",)}

unavailable = diagnosis.unavailable


class VirtualCamera:
    """One open virtual camera. It sends when told and keeps no pace of its own."""

    def __init__(self, opened: Opened, clock: Clock = monotonic_ns) -> None:
        self._opened = opened
        self._shape = (opened.canvas.height, opened.canvas.width, 3)
        self._clock = clock
        self._checked_ns = clock()

    @property
    def label(self) -> str:
        """Device, size and driver, for a person."""
        return self._opened.label

    def send(self, image: Image) -> None:
        """Show one picture. DeviceError when the device is gone, which the library keeps quiet."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(
                f"the picture is {image.shape} {image.dtype}, the camera {self._shape}"
            )
        now_ns = self._clock()
        if now_ns - self._checked_ns >= SECOND:
            self._checked_ns = now_ns
            self._opened.check()
        self._opened.camera.send(self._opened.canvas.place(image))


@contextmanager
def open_virtualcam(
    config: SinkConfig,
    width: int,
    height: int,
    first: Image,
    *,
    machine: Machine | None = None,
    clock: Clock = monotonic_ns,
) -> Generator[Sink]:
    """A virtual camera for pictures of one size, which shows `first` at once.

    It is the same camera to its viewers from here to the end of the block. DeviceError says what
    is missing and the command that mends it.
    """
    machine = machine or Machine()
    open_kind = open_v4l2loopback if machine.system == "Linux" else _open_other
    with open_kind(library(), config, (width, height), machine) as opened:
        sink = VirtualCamera(opened, clock)
        sink.send(first)
        opened.check_first()
        yield sink


def library() -> Open:
    """Its licence is the GPL: it is imported here and nowhere else."""
    try:
        import pyvirtualcam  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "pyvirtualcam":
            raise
        raise DeviceError(str(diagnosis.no_package())) from None
    except ImportError as error:
        what = advice(error) or "install it again"
        raise DeviceError(f"pyvirtualcam cannot be loaded ({error}); {what}") from None
    library = cast("Any", pyvirtualcam)

    def open_raw(size: Size, fps: int, device: str | None, backend: str) -> Raw:
        # Always named: without a name the library takes whatever backend is registered.
        if backend not in library.camera.BACKENDS:
            raise RuntimeError(f"pyvirtualcam has no {backend} here")
        return library.Camera(*size, fps, device=device, backend=backend)

    return open_raw


@contextmanager
def _open_other(
    open_raw: Open, config: SinkConfig, size: Size, machine: Machine
) -> Generator[Opened]:
    """The first of the system's kinds that opens."""
    name = None if config.device is None else str(config.device)
    camera, backend = _first_open(open_raw, config.fps, even(size), name, machine)
    canvas = Canvas(*size, *even(size))
    label = f"{camera.device}, {canvas.camera_width} x {canvas.camera_height}, {backend}"
    with closing(camera):
        yield Opened(camera, canvas, label, _nothing, _nothing)


def _first_open(
    open_raw: Open, fps: int, size: Size, name: str | None, machine: Machine
) -> tuple[Raw, str]:
    refusals: list[str] = []
    for backend in _BACKENDS.get(machine.system, ()):
        try:
            return open_raw(size, fps, name, backend), backend
        except RuntimeError as error:
            refusals.append(str(error))
    said = "; ".join(refusals) or f"there is none for {machine.system}"
    raise DeviceError(f"no virtual camera: {said}; {diagnosis.obs_advice(machine)}")


def _nothing() -> None:
    """These systems have no way to look."""
