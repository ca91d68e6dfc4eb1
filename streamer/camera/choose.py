"""Which webcam is used: the one that a person named, or the first that shows something."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from streamer.camera.devices import NO_PERMISSION, CameraDevice, find, list_cameras
from streamer.camera.feed import Asked, Opener, open_container, open_feed
from streamer.camera.trouble import explain
from streamer.camera.webcam import Patience, Webcam
from streamer.clock import Clock
from streamer.config import CameraConfig
from streamer.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Machine:
    """The edge to the computer; tests give another."""

    cameras: Callable[[], Sequence[CameraDevice]] = list_cameras
    opener: Opener = open_container
    patience: Patience = field(default_factory=Patience)


def open_webcam(
    config: CameraConfig,
    on_drop: Callable[[str], None],
    clock: Clock,
    stack: ExitStack,
    machine: Machine,
) -> Webcam:
    """The first one meant that shows something, closed by `stack`. DeviceError with all reasons."""
    cameras = machine.cameras()
    asked = Asked(*config.size, config.fps)
    reasons: dict[str, str] = {}
    for device in _candidates(cameras, config.device):
        if device.note:
            reasons.setdefault(device.name, _unusable(device))
            continue
        webcam = Webcam(
            device,
            asked,
            connect=partial(open_feed, asked=asked, on_drop=on_drop, opener=machine.opener),
            relocate=lambda lost: relocated(machine.cameras(), lost, config.device),
            on_drop=on_drop,
            clock=clock,
            patience=machine.patience,
        )
        try:
            return stack.enter_context(webcam)
        except DeviceError as error:
            reasons.setdefault(device.name, str(error))
    raise DeviceError("; ".join(reasons.values()) or "no webcam found")


def relocated(
    cameras: Sequence[CameraDevice], lost: CameraDevice, wanted: str | int | None
) -> CameraDevice | None:
    """Where a lost camera is now, perhaps under another number; None when it is not there.

    Never another camera in its place, unless a person named the place and not the camera.
    """
    same = [camera for camera in cameras if camera.name == lost.name]
    same.sort(key=lambda camera: (bool(camera.note), camera.address != lost.address))
    if same:
        return same[0]
    try:
        return None if wanted is None else find(cameras, wanted)
    except DeviceError:
        return None


def _candidates(
    cameras: Sequence[CameraDevice], wanted: str | int | None
) -> Iterator[CameraDevice]:
    """Those to try, in order. Ones that are no cameras, or show what programs make, only if named.

    Permission is a reason to tell a person; a camera's data node is not.
    """
    if wanted is not None:
        yield find(cameras, wanted)
        return
    for camera in cameras:
        if not camera.virtual and camera.note in {"", NO_PERMISSION}:
            yield camera


def _unusable(device: CameraDevice) -> str:
    if device.note == NO_PERMISSION:
        return explain(PermissionError(errno.EACCES, ""), device)
    return f"{device} {device.note}"
