"""Virtual cameras that there are, and what keeps them from being used, each with its fix."""

import importlib.util
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streamer import v4l2
from streamer.config import SinkConfig
from streamer.v4l2 import LoopbackModule, VideoDevice

_NUMBER = 10
"""Of the advised device: high enough to be free where there are webcams."""
_NAME = "Vivant AI portrait"
_TELLS = re.compile(r"\bAI\b")
"""What a device's name must say, so that viewers know whom they see."""
_MOST_BUFFERS = 8
"""With 32, 0.12 crashed the kernel and 0.15 showed old pictures."""

_INSTALL = {
    "apt-get": "sudo apt-get install -y v4l2loopback-dkms linux-headers-$(uname -r)",
    "dnf": "sudo dnf install -y akmod-v4l2loopback (from RPM Fusion)",
    "pacman": "sudo pacman -S v4l2loopback-dkms linux-headers",
    "zypper": "sudo zypper install v4l2loopback-kmp-default",
}
"""Package managers, in the order in which they are looked for."""
_PACKAGE = "pip install 'vivant[virtualcam]' (in a checkout: pip install '.[virtualcam]')"
_OBS = {
    "Windows": "install OBS 26 or newer from obsproject.com and start it once; or install Unity"
    " Capture and set sink.kind to virtualcam",
    "Darwin": "install OBS 30 or newer from obsproject.com; in it once start, then stop the virtual"
    " camera, then quit OBS",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """The edge of the computer: what is asked of it. Tests give another."""

    system: str = field(default_factory=platform.system)
    root: Path = Path("/")
    ask: v4l2.Ask = v4l2.capabilities
    revive: Callable[[Path], None] = v4l2.revive
    which: Callable[[str], str | None] = shutil.which
    package: Callable[[], bool] = lambda: importlib.util.find_spec("pyvirtualcam") is not None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def cameras(self) -> list[VideoDevice]:
        """The loopback devices of Linux; the best name first, then by number."""
        found = filter(v4l2.is_loopback, v4l2.devices(self.root, self.ask))
        return sorted(found, key=lambda device: (not tells(device.label), device.number))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in words, and what a person does about it."""

    problem: str
    fix: str
    blocks: bool = True
    """No virtual camera can be opened because of it."""

    def __str__(self) -> str:
        return f"{self.problem}; {self.fix}"


def find_problems(config: SinkConfig, machine: Machine | None = None) -> list[Finding]:
    """What is wrong with the virtual camera, the worst first; empty when nothing is."""
    machine = machine or Machine()
    findings: list[Finding] = []
    if not machine.package():
        findings.append(no_package())
    if machine.system == "Linux":
        findings += _on_linux(config, machine)
    elif machine.system in _OBS:
        findings += _on_others(machine)
    else:
        findings.append(
            Finding(f"there is no virtual camera for {machine.system}", "record a file")
        )
    return findings


def unavailable(config: SinkConfig, machine: Machine | None = None) -> str:
    """Why no virtual camera can be opened, in one line; empty when one can."""
    return next((str(f) for f in find_problems(config, machine) if f.blocks), "")


def choose(config: SinkConfig, machine: Machine) -> VideoDevice | Finding:
    """The loopback device that the settings mean, if a program may write to it now."""
    cameras = machine.cameras()
    if not cameras:
        return _no_device(machine)
    meant = [device for device in cameras if _means(config.device, device)]
    if not meant:
        return _not_meant(config, machine, cameras)
    findings: list[Finding] = []
    for device in meant:
        finding = _obstacle(device, machine)
        if finding is None:
            return device
        findings.append(finding)
    return findings[0]


def name_of(device: VideoDevice) -> str:
    """A device for a person."""
    return f"{device.path} '{device.label}'"


def tells(label: str) -> bool:
    """Whether a device's name says that it is an AI avatar."""
    return _TELLS.search(label) is not None


def stuck(device: VideoDevice) -> bool:
    """Whether its last writer left it so that it takes no pictures any more (0.12)."""
    return device.accessible and not (device.captures or device.outputs)


def load_command(machine: Machine, count: int = 1) -> str:
    """What loads the module with devices as they should be."""
    taken = {device.number for device in v4l2.devices(machine.root, machine.ask)}
    ours = {device.number for device in machine.cameras()}
    free = [n for n in range(_NUMBER, _NUMBER + 90) if n in ours or n not in taken][:count]
    labels = ",".join(_NAME if n == 1 else f"{_NAME} {n}" for n in range(1, count + 1))
    each = ",".join("1" * count)
    numbers = ",".join(str(n) for n in free)
    return (
        f"sudo modprobe v4l2loopback devices={count} video_nr={numbers}"
        f' card_label="{labels}" exclusive_caps={each} max_buffers=4'
    )


def reload_command(machine: Machine, count: int = 1) -> str:
    """The same when it is loaded already."""
    return f"sudo modprobe -r v4l2loopback && {load_command(machine, count)}"


def keep_command(machine: Machine) -> str:
    """What loads it at every start of the computer."""
    options = load_command(machine).removeprefix("sudo modprobe ")
    return (
        f"echo 'options {options}' | sudo tee /etc/modprobe.d/vivant.conf"
        " && echo v4l2loopback | sudo tee /etc/modules-load.d/vivant.conf"
    )


def no_package() -> Finding:
    """The library is an extra of its own, for its licence."""
    return Finding("the Python package pyvirtualcam is missing", f"run: {_PACKAGE}")


def no_access(device: VideoDevice) -> Finding:
    """Devices belong to a group that users are not always in."""
    return Finding(
        f"{name_of(device)}: this user may not write to it",
        "run: sudo usermod -aG video $USER, then log out and in again",
    )


def busy(device: VideoDevice, machine: Machine) -> Finding:
    """One writer at a time."""
    users = v4l2.writers(device.path, machine.root) or v4l2.holders(device.path, machine.root)
    return Finding(
        f"{name_of(device)} is in use by {', '.join(users) or 'another program'}",
        f"close it, or load a second device: {reload_command(machine, 2)}",
    )


def left_stuck(device: VideoDevice, machine: Machine, *, blocks: bool) -> Finding:
    """Upstream's issue 470: the price of exclusive_caps in 0.12."""
    hope = "" if blocks else "Vivant wakes it when it starts; for other programs "
    return Finding(
        f"{name_of(device)} takes no pictures since its last writer left, as v4l2loopback 0.12"
        " does with exclusive_caps=1",
        f"{hope}close its viewers and run: {reload_command(machine)}",
        blocks=blocks,
    )


def remarks(device: VideoDevice, machine: Machine) -> Iterator[Finding]:
    """What is wrong with a device that works, as long as nobody writes to it."""
    again = f"run: {reload_command(machine)}"
    if not tells(device.label):
        problem = f"{name_of(device)}: the name does not tell viewers that they see an AI avatar"
        yield Finding(problem, again, blocks=False)
    carries = v4l2.format_of(device.number, machine.root)
    if device.captures and device.outputs and carries is None:  # else 0.12, kept by a viewer
        problem = f"{name_of(device)} was loaded without exclusive_caps=1: browsers do not list it"
        yield Finding(problem, again, blocks=False)
    buffers = v4l2.module(machine.root).parameters.get("max_buffers", "")
    if buffers.isdecimal() and int(buffers) > _MOST_BUFFERS:
        problem = (
            f"v4l2loopback was loaded with max_buffers={buffers}: viewers may see old pictures,"
            " and 0.12 can crash the computer"
        )
        yield Finding(problem, again, blocks=False)


def _on_linux(config: SinkConfig, machine: Machine) -> Iterator[Finding]:
    chosen = choose(config, machine)
    if isinstance(chosen, Finding):
        yield chosen
        return
    if stuck(chosen):
        yield left_stuck(chosen, machine, blocks=False)
    yield from remarks(chosen, machine)


def _on_others(machine: Machine) -> Iterator[Finding]:
    """OBS is looked for where its installer puts it; only pyvirtualcam knows for certain."""
    programs = machine.environ.get("ProgramFiles", "Program Files").removeprefix("C:\\")
    obs = {"Windows": f"{programs}/obs-studio", "Darwin": "Applications/OBS.app"}[machine.system]
    if not (machine.root / obs).exists():
        yield Finding("OBS, whose virtual camera is used, is not installed", _OBS[machine.system])


def obs_advice(machine: Machine) -> str:
    """What to do where OBS gives the virtual camera."""
    return _OBS.get(machine.system, "")


def _means(device: str | int | None, camera: VideoDevice) -> bool:
    """Whether the setting `sink.device` means this camera: its number, path or part of its name."""
    if device is None:
        return True
    text = str(device)
    if text.isdecimal():
        return camera.number == int(text)
    if "/" in text:
        return os.path.realpath(text) == os.path.realpath(camera.path)
    return text.casefold() in camera.label.casefold()


def _not_meant(config: SinkConfig, machine: Machine, cameras: list[VideoDevice]) -> Finding:
    others = [d for d in v4l2.devices(machine.root, machine.ask) if _means(config.device, d)]
    what = f"sink.device {config.device!r}"
    if others:
        problem = f"{what}: {name_of(others[0])} is no virtual camera ({others[0].driver or '?'})"
    else:
        problem = f"{what}: there is no such virtual camera"
    return Finding(problem, f"there are: {', '.join(name_of(camera) for camera in cameras)}")


def _obstacle(device: VideoDevice, machine: Machine) -> Finding | None:
    if not device.accessible:
        return no_access(device)
    taken = device.captures and not device.outputs
    if taken or v4l2.writers(device.path, machine.root):
        return busy(device, machine)
    return None


def _no_device(machine: Machine) -> Finding:
    state = v4l2.module(machine.root)
    if state.loaded:
        return Finding(
            "v4l2loopback is loaded, but has no device", f"run: {reload_command(machine)}"
        )
    if not state.installed:
        return _not_installed(machine, state)
    load = f"run: {load_command(machine)} (and to keep it: {keep_command(machine)})"
    if v4l2.secure_boot(machine.root):
        return Finding(
            "v4l2loopback is not loaded, and Secure Boot refuses modules that are not signed",
            f"{load}; where that says 'Key was rejected': sudo mokutil --import"
            " /var/lib/dkms/mok.pub (on Ubuntu /var/lib/shim-signed/mok/MOK.der), restart, choose"
            " Enroll MOK, and run it again",
        )
    return Finding("v4l2loopback, the module of virtual cameras, is not loaded", load)


def _not_installed(machine: Machine, state: LoopbackModule) -> Finding:
    manager = next(filter(machine.which, _INSTALL), "apt-get")
    if state.source:
        problem = f"v4l2loopback is not built for this kernel ({platform.release()})"
        install = "sudo dkms autoinstall"
        if manager == "apt-get":
            install = f"sudo apt-get install -y linux-headers-$(uname -r) && {install}"
    else:
        problem = "v4l2loopback, the kernel's module for virtual cameras, is not installed"
        install = _INSTALL[manager]
    return Finding(problem, f"run: {install}, then: {load_command(machine)}")
