"""The virtual camera of Linux: a device of the kernel module v4l2loopback.

Its two versions in use, 0.12 and 0.15, differ in when they tell their format, in what they do with
a second writer, and in how they are left; each difference is at its place below.
"""

import logging
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial

from streamer import v4l2
from streamer.config import SinkConfig
from streamer.errors import DeviceError
from streamer.sink import diagnosis
from streamer.sink.canvas import Canvas, Open, Opened, Raw, Size, even
from streamer.sink.diagnosis import Finding, Machine
from streamer.v4l2 import Format, VideoDevice

_FOURCC = "YU12"
"""What the library makes of RGB, in the driver's word: I420."""
_log = logging.getLogger(__name__)


@contextmanager
def open_v4l2loopback(
    open_raw: Open,
    config: SinkConfig,
    size: Size,
    machine: Machine,
) -> Generator[Opened]:
    """The device that the settings mean. What is odd about it is logged."""
    device = diagnosis.choose(config, machine)
    if isinstance(device, Finding):
        raise DeviceError(str(device))
    for remark in diagnosis.remarks(device, machine):
        _log.warning("%s", remark)
    if diagnosis.stuck(device):
        machine.revive(device.path)
    with open_loopback(open_raw, device, size, config.fps, machine) as opened:
        yield opened


@contextmanager
def open_loopback(
    open_raw: Open,
    device: VideoDevice,
    size: Size,
    fps: int,
    machine: Machine,
) -> Generator[Opened]:
    """One device of v4l2loopback, left as others can use it."""
    camera, real = _open_fitting(open_raw, device, even(size), fps, machine)
    canvas = Canvas(*size, *real)
    with ExitStack() as stack:
        stack.callback(_leave, device, machine)
        stack.enter_context(closing(camera))
        yield Opened(
            camera=camera,
            canvas=canvas,
            label=_label(device, canvas, machine),
            check=partial(_check_present, device, machine),
            check_first=partial(_check_first, device, real, machine),
        )


def _open_fitting(
    open_raw: Open,
    device: VideoDevice,
    wanted: Size,
    fps: int,
    machine: Machine,
) -> tuple[Raw, Size]:
    """The camera in the size wanted, else in that in which its viewers hold the device.

    The library is told a size, and does not look at what the driver makes of it.
    """
    real = None
    for _ in range(2):
        camera = _open_camera(open_raw, device, wanted, fps, machine)
        real = v4l2.format_of(device.number, machine.root)
        if real is None or (real.fourcc, real.width, real.height) == (_FOURCC, *wanted):
            return camera, wanted
        camera.close()
        if real.fourcc != _FOURCC:
            break
        wanted = real.width, real.height
    raise DeviceError(_held(device, real, machine))


def _open_camera(
    open_raw: Open,
    device: VideoDevice,
    size: Size,
    fps: int,
    machine: Machine,
) -> Raw:
    try:
        return open_raw(size, fps, str(device.path), "v4l2loopback")
    except RuntimeError as error:
        raise DeviceError(_refusal(str(error), device, machine)) from None


def _refusal(text: str, device: VideoDevice, machine: Machine) -> str:
    """The library's words in ours, with what helps."""
    if "missing permissions" in text:
        finding = diagnosis.no_access(device)
    elif "not a video output device" in text and diagnosis.stuck(_now(device, machine)):
        finding = diagnosis.left_stuck(device, machine, blocks=True)
    elif any(words in text for words in ("not a video output device", "busy", "in use")):
        finding = diagnosis.busy(device, machine)
    else:
        said = text.removeprefix("'v4l2loopback' backend: ")
        finding = Finding(
            f"{diagnosis.name_of(device)} cannot be opened: {said}",
            f"run: {diagnosis.reload_command(machine)}",
        )
    return str(finding)


def _now(device: VideoDevice, machine: Machine) -> VideoDevice:
    """The device as it is now; as it was, when it is gone."""
    return next((d for d in machine.cameras() if d.number == device.number), device)


def _held(device: VideoDevice, real: Format | None, machine: Machine) -> str:
    shape = "another format" if real is None else f"{real.fourcc} {real.width} x {real.height}"
    users = ", ".join(v4l2.holders(device.path, machine.root)) or "its viewers"
    return f"{diagnosis.name_of(device)} is held as {shape} by {users}; close them and start again"


def _label(device: VideoDevice, canvas: Canvas, machine: Machine) -> str:
    version = v4l2.module(machine.root).version
    camera = f"{canvas.camera_width} x {canvas.camera_height} I420"
    if (canvas.camera_width, canvas.camera_height) != even((canvas.width, canvas.height)):
        camera += f" as its viewers hold it, {canvas.width} x {canvas.height} inside"
    return f"{diagnosis.name_of(device)}, {camera}, v4l2loopback {version}".rstrip()


def _check_present(device: VideoDevice, machine: Machine) -> None:
    if not (v4l2.present(device.number, machine.root) and device.path.exists()):
        load = diagnosis.reload_command(machine)
        raise DeviceError(f"{diagnosis.name_of(device)} was removed; run: {load}")


def _check_first(device: VideoDevice, size: Size, machine: Machine) -> None:
    """0.12 tells its format only now; and a write that fails is not reported."""
    real = v4l2.format_of(device.number, machine.root)
    if real is not None and (real.fourcc, real.width, real.height) != (_FOURCC, *size):
        raise DeviceError(_held(device, real, machine))
    with suppress(OSError):
        if not machine.ask(device.path).captures:
            raise DeviceError(
                f"{diagnosis.name_of(device)} took the first picture, but shows none;"
                f" run: {diagnosis.reload_command(machine)}"
            )


def _leave(device: VideoDevice, machine: Machine) -> None:
    """0.12 takes no further writer by itself, ours or another's."""
    with suppress(OSError):
        if not machine.ask(device.path).outputs:
            machine.revive(device.path)
