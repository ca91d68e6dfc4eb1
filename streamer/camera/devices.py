"""The cameras of this computer, and which of them is meant."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamer import v4l2
from streamer.errors import DeviceError

NO_PERMISSION = "no permission; run: sudo usermod -aG video $USER, then log out and in again"

_NOT_A_CAMERA = re.compile(r"virtual|unity video capture|capture screen|ai portrait", re.IGNORECASE)
"""Names of what shows another program's pictures, perhaps our own, or the screen."""
_INFRARED = re.compile(r"\b(ir|infrared)\b", re.IGNORECASE)
"""For unlocking the computer: grey, and lit by flashes."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """One camera, or what looks like one to other programs."""

    name: str
    """As other programs show it."""
    address: str
    """What PyAV opens."""
    system: str
    """The name of PyAV's format that opens it: v4l2, avfoundation or dshow."""
    number: int | None = None
    path: Path | None = None
    note: str = ""
    """Why it cannot be used just now; empty when it can."""
    virtual: bool = False
    """Another program's pictures, perhaps our own: never used unless a person names it."""

    def __str__(self) -> str:
        return self.name if self.path is None else f"{self.name} ({self.path})"


def list_cameras() -> list[CameraDevice]:
    """All there are, the best guess first; those of `virtual` last. Takes some milliseconds."""
    match sys.platform:
        case "linux":
            cameras = [_from_v4l2(device) for device in v4l2.devices()]
        case "darwin":
            cameras = _enumerated("avfoundation")
        case "win32":
            cameras = _enumerated("dshow")
        case _:
            cameras = []
    return sorted(cameras, key=lambda camera: (camera.virtual, bool(_INFRARED.search(camera.name))))


def find(cameras: Sequence[CameraDevice], wanted: str | int | None) -> CameraDevice:
    """The camera with that path, number or part of a name; None: the first that can be used.

    One that can be used goes before one that cannot, a whole name before a part of it.
    DeviceError, with the names there are, when none is meant.
    """
    if wanted is None:
        matching = [camera for camera in cameras if not camera.virtual]
    else:
        matching = _by_place(cameras, str(wanted)) or _by_name(cameras, str(wanted))
    if not matching:
        what = "no webcam found" if wanted is None else f"camera.device {wanted}: no such camera"
        raise DeviceError(f"{what}; there is {_listed(cameras)}")
    return min(matching, key=lambda camera: bool(camera.note))


def _by_place(cameras: Iterable[CameraDevice], wanted: str) -> list[CameraDevice]:
    """By number, by path (also a link, as in /dev/v4l/by-id) or by address."""
    if wanted.isdecimal():
        return [camera for camera in cameras if camera.number == int(wanted)]
    place = os.path.realpath(wanted)
    return [
        camera
        for camera in cameras
        if wanted == camera.address
        or (camera.path is not None and os.path.realpath(camera.path) == place)
    ]


def _by_name(cameras: Iterable[CameraDevice], wanted: str) -> list[CameraDevice]:
    part = wanted.casefold()
    matching = [camera for camera in cameras if part in camera.name.casefold()]
    return [camera for camera in matching if camera.name.casefold() == part] or matching


def _listed(cameras: Iterable[CameraDevice]) -> str:
    shown = [f"{c}: {c.note}" if c.note else str(c) for c in cameras]
    return ", ".join(shown) or "none; plug one in"


def _from_v4l2(device: v4l2.VideoDevice) -> CameraDevice:
    virtual = v4l2.is_loopback(device)
    if not device.accessible:
        note = NO_PERMISSION
    elif device.captures:
        note = ""
    elif virtual:
        note = "gives no pictures: no program writes to it"
    else:
        note = "gives no pictures: not a camera, or the data node of one"
    return CameraDevice(
        name=device.label,
        address=str(device.path),
        system="v4l2",
        number=device.number,
        path=device.path,
        note=note,
        virtual=virtual or bool(_NOT_A_CAMERA.search(device.label)),
    )


def _enumerated(system: str) -> list[CameraDevice]:
    """As FFmpeg tells them. The number is the place in the list."""
    from av.device import enumerate_input_devices  # noqa: PLC0415  (not needed on Linux)

    try:
        found = enumerate_input_devices(system)
    except (OSError, ValueError):
        return []
    cameras = [device for device in found if "video" in device.media_types]
    return [
        CameraDevice(
            name=device.description or device.name,
            address=_address(system, device.name),
            system=system,
            number=number,
            virtual=bool(_NOT_A_CAMERA.search(device.description)),
        )
        for number, device in enumerate(cameras)
    ]


def _address(system: str, name: str) -> str:
    if system == "dshow":
        return name if name.startswith("video=") else f"video={name}"
    return name if ":" in name else f"{name}:none"
