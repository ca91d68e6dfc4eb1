"""What a system's error means for a person at a camera, and what they can do about it."""

import errno
import sys

from streamer import v4l2
from streamer.camera.devices import NO_PERMISSION, CameraDevice

_FORBIDDEN = {errno.EACCES, errno.EPERM}
_GONE = "is not there; plug it in"
_NO_CAMERA = "gives no pictures: it is not a camera; choose another with camera.device"
_WORDS = {
    errno.ENOENT: _GONE,
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.ENOTTY: _NO_CAMERA,
    errno.ENOSYS: _NO_CAMERA,
    errno.EINVAL: _NO_CAMERA,
    errno.ENOSPC: "cannot send: its USB line is full; use another port or a smaller camera.size",
}


def explain(error: OSError, device: CameraDevice) -> str:
    """One line: the camera, what is wrong with it, and the remedy."""
    code = error.errno
    if isinstance(error, TimeoutError):
        return f"{device} gives no picture; unplug it and plug it in again, or open its cover"
    if code == errno.EBUSY or (code == errno.EIO and device.system == "dshow"):
        return f"{device} is in use by {_holder(device)}; close it there"
    if code in _FORBIDDEN or (code == errno.EIO and device.system == "avfoundation"):
        return f"{device}: {_permission()}"
    other = f"failed: {error.strerror or error}; unplug it and plug it in again"
    return f"{device} {_WORDS.get(code or 0, other)}"


def _holder(device: CameraDevice) -> str:
    """The programs that have it open, as far as this user may see them."""
    held = [] if device.path is None else v4l2.holders(device.path)
    return " and ".join(held) or "another program"


def _permission() -> str:
    match sys.platform:
        case "darwin":
            return (
                "no permission; allow this terminal in System Settings > Privacy & Security > "
                "Camera, then start it again"
            )
        case "win32":
            return (
                "no permission; allow desktop apps in Settings > Privacy & security > Camera, "
                "then start again"
            )
        case _:
            return NO_PERMISSION
