"""What Linux tells about video devices, without any library: sysfs, /proc and one ioctl.

On other systems all answers are empty. `root` is where the system's folders begin; tests give a
folder of their own.
"""

import contextlib
import os
import platform
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
_CLASS = "sys/class/video4linux"
_LOOPBACK = "v4l2 loopback"
"""The driver's own name for itself."""
_MODULE = "v4l2loopback"

_QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP: read 104 bytes from the driver."""
_STREAMON = 0x40045612
"""VIDIOC_STREAMON: give the driver the kind of buffers, an int."""
_OUTPUT_BUFFERS = struct.pack("i", 2)
_ACCESS = 3
"""The bits of a file's flags that tell reading from writing."""
_CAPABILITY = struct.Struct("16s32s32s6I")
_DEVICE_CAPS = 0x8000_0000
_CAPTURE, _OUTPUT, _CODEC = 0x1001, 0x2002, 0xC000
"""Flags of cameras, of outputs and of codecs, with one plane or several."""

_FORMAT = re.compile(r"(.{4}):(\d+)x(\d+)@(\d+)(?:/(\d+))?")
_SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """One /dev/videoN."""

    path: Path
    number: int
    label: str
    """The name that other programs show."""
    driver: str
    """As the driver calls itself: uvcvideo, v4l2 loopback; empty when it cannot be told."""
    captures: bool
    """It gives pictures just now. False when it may not be asked."""
    outputs: bool
    """It takes pictures just now. False when it may not be asked."""
    accessible: bool
    """This user may read and write it."""


@dataclass(frozen=True, slots=True)
class Format:
    """What a loopback device carries."""

    fourcc: str
    width: int
    height: int
    fps: float


@dataclass(frozen=True, slots=True)
class LoopbackModule:
    """The kernel module of virtual cameras."""

    loaded: bool
    installed: bool
    """Built for the kernel that runs."""
    source: bool
    """Its source is there (DKMS), built or not."""
    version: str
    """Empty when it cannot be told: up to 0.12.7 only the source's folder tells it."""
    parameters: Mapping[str, str]
    """Those it was loaded with; empty when it is not."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a driver answers about one device."""

    driver: str
    card: str
    captures: bool
    outputs: bool


Ask = Callable[[Path], Capabilities]


def devices(root: Path = _ROOT, ask: Ask | None = None) -> list[VideoDevice]:
    """All video devices by number. A device that may not be opened is told from sysfs alone."""
    folders: list[tuple[int, Path]] = []
    with contextlib.suppress(OSError):
        for folder in (root / _CLASS).iterdir():
            number = folder.name.removeprefix("video")
            if folder.name.startswith("video") and number.isdecimal():
                folders.append((int(number), folder))
    return [
        _device(root, number, folder, ask or capabilities) for number, folder in sorted(folders)
    ]


def is_loopback(device: VideoDevice) -> bool:
    """Whether what a program writes to it is what others read from it."""
    return device.driver == _LOOPBACK


def format_of(number: int, root: Path = _ROOT) -> Format | None:
    """What loopback device `number` carries; None when nothing, or when it is no such device."""
    found = _FORMAT.fullmatch(_text(root / _CLASS / f"video{number}" / "format"))
    if found is None:
        return None
    fourcc, width, height, over, under = found.groups()
    return Format(fourcc, int(width), int(height), int(over) / max(1, int(under or 1)))


def present(number: int, root: Path = _ROOT) -> bool:
    """Whether the device is still there: one look, for once a second while it is used."""
    return (root / _CLASS / f"video{number}").exists()


def holders(path: Path, root: Path = _ROOT) -> list[str]:
    """Who else has the device open, as "zoom (pid 4242)"; other users' programs are not seen."""
    target = os.path.realpath(path)
    return [
        _name(process)
        for process in _processes(root)
        if any(link == target for _, link in _files(process))
    ]


def writers(path: Path, root: Path = _ROOT) -> list[str]:
    """Those of the holders that certainly write: who reads as well as writes cannot be told."""
    target = os.path.realpath(path)
    return [
        _name(process)
        for process in _processes(root)
        if any(link == target and _write_only(process, file) for file, link in _files(process))
    ]


def revive(path: Path) -> None:
    """Make a loopback device of 0.12 take pictures again after its writer has left.

    That version forgets to (upstream issue 470), unless the writer says that it streams, which
    pyvirtualcam does not. Here someone says so and leaves. Call it only while nobody writes.
    """
    import fcntl  # noqa: PLC0415  (not on Windows)

    with contextlib.suppress(OSError):
        file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # The refusal for want of buffers comes after it was noted that we are a writer.
            fcntl.ioctl(file, _STREAMON, _OUTPUT_BUFFERS)
        finally:
            os.close(file)


def module(root: Path = _ROOT) -> LoopbackModule:
    """The module's state."""
    folder = root / "sys/module" / _MODULE
    loaded = folder.is_dir()
    index = _text(root / "lib/modules" / platform.release() / "modules.dep")
    sources = sorted((root / "usr/src").glob(f"{_MODULE}-*"))
    from_source = sources[-1].name.removeprefix(f"{_MODULE}-") if sources else ""
    return LoopbackModule(
        loaded=loaded,
        installed=loaded or f"/{_MODULE}.ko" in index,
        source=bool(sources),
        version=_text(folder / "version") or from_source,
        parameters=dict(_parameters(folder / "parameters")),
    )


def secure_boot(root: Path = _ROOT) -> bool | None:
    """Whether the firmware lets only signed modules load; None when it cannot be told."""
    try:
        value = (root / _SECURE_BOOT).read_bytes()
    except OSError:
        return None
    return value[-1] == 1 if len(value) == 5 else None


def capabilities(path: Path) -> Capabilities:
    """Ask the driver of a device. OSError when it may not be opened or is no video device."""
    import fcntl  # noqa: PLC0415  (not on Windows)

    answer = bytearray(_CAPABILITY.size)
    file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(file, _QUERYCAP, answer)
    finally:
        os.close(file)
    driver, card, _, _, flags, device_flags, *_ = _CAPABILITY.unpack(answer)
    if flags & _DEVICE_CAPS:
        flags = device_flags
    name = _c_string(driver)
    codec = bool(flags & _CODEC) and name != _LOOPBACK  # some versions call themselves one
    return Capabilities(
        driver=name,
        card=_c_string(card),
        captures=bool(flags & _CAPTURE) and not codec,
        outputs=bool(flags & _OUTPUT) and not codec,
    )


def _device(root: Path, number: int, folder: Path, ask: Ask) -> VideoDevice:
    path = root / "dev" / folder.name
    try:
        told = ask(path)
    except OSError:
        told = Capabilities(_driver(folder), "", captures=False, outputs=False)
    return VideoDevice(
        path=path,
        number=number,
        label=_text(folder / "name") or told.card or folder.name,
        driver=told.driver,
        captures=told.captures,
        outputs=told.outputs,
        accessible=os.access(path, os.R_OK | os.W_OK),
    )


def _driver(folder: Path) -> str:
    """The driver as sysfs knows it: only loopback devices have a limit of openers."""
    if (folder / "max_openers").exists():
        return _LOOPBACK
    link = folder / "device" / "driver"
    return Path(os.path.realpath(link)).name if link.exists() else ""


def _processes(root: Path) -> Iterator[Path]:
    """All but this one."""
    with contextlib.suppress(OSError):
        numbers = [entry.name for entry in (root / "proc").iterdir() if entry.name.isdecimal()]
        others = set(map(int, numbers)) - {os.getpid()}
        yield from (root / "proc" / str(number) for number in sorted(others))


def _name(process: Path) -> str:
    return f"{_text(process / 'comm') or 'a program'} (pid {process.name})"


def _files(process: Path) -> Iterator[tuple[str, str]]:
    """Number and target of the files a process has open; none when it ended or is not ours."""
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield link.name, str(link.readlink())


def _write_only(process: Path, file: str) -> bool:
    found = re.search(r"^flags:\s*([0-7]+)", _text(process / "fdinfo" / file), re.MULTILINE)
    return found is not None and int(found[1], 8) & _ACCESS == os.O_WRONLY


def _parameters(folder: Path) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(OSError):
        for file in sorted(folder.iterdir()):
            yield file.name, _text(file)


def _text(file: Path) -> str:
    """A file of the kernel; empty when it is not there or not ours to read."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _c_string(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode(errors="replace")
