"""What Linux tells about video devices, from a made-up tree of its files."""

import os
import platform
import sys
from pathlib import Path

import pytest

from streamer import v4l2
from streamer.v4l2 import Capabilities, Format

ZOOM = "5000001"
"""A process number that no system gives."""
WEBCAM = Capabilities("uvcvideo", "Webcam C920", captures=True, outputs=False)
LOOPBACK = Capabilities("v4l2 loopback", "Vivant AI portrait", captures=False, outputs=True)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def plug(root: Path, number: int, label: str, *, loopback: bool = False) -> Path:
    """One device as sysfs shows it, and its node."""
    folder = root / "sys/class/video4linux" / f"video{number}"
    write(folder / "name", label + "\n")
    if loopback:
        write(folder / "max_openers", "10\n")
        write(folder / "format", "")
    write(root / "dev" / f"video{number}", "")
    return folder


def process(root: Path, pid: str, name: str, file: Path, flags: str) -> None:
    """A program that has a file open."""
    folder = root / "proc" / pid
    write(folder / "comm", name + "\n")
    (folder / "fd").mkdir()
    (folder / "fd" / "7").symlink_to(file)
    write(folder / "fdinfo" / "7", f"pos:\t0\nflags:\t{flags}\nmnt_id:\t25\n")


def refusing(path: Path) -> Capabilities:
    raise PermissionError(13, "Permission denied")


def test_a_system_without_video_devices_has_none(tmp_path):
    """Other systems, and servers."""
    assert v4l2.devices(tmp_path) == []
    assert v4l2.holders(tmp_path / "dev/video0", tmp_path) == []
    assert v4l2.secure_boot(tmp_path) is None
    assert v4l2.format_of(0, tmp_path) is None
    assert not v4l2.module(tmp_path).installed


def test_devices_come_by_number(tmp_path):
    """video2 before video10, and nothing that is no video device."""
    for number in (10, 2, 0):
        plug(tmp_path, number, f"camera {number}")
    write(tmp_path / "sys/class/video4linux/v4l-subdev0/name", "sensor")
    found = v4l2.devices(tmp_path, lambda _: WEBCAM)
    assert [device.number for device in found] == [0, 2, 10]
    assert found[1].path == tmp_path / "dev/video2"
    assert found[1].label == "camera 2"


def test_the_driver_tells_what_a_device_does(tmp_path):
    """Cameras give, virtual cameras take until someone writes."""
    plug(tmp_path, 0, "Webcam C920")
    plug(tmp_path, 10, "Vivant AI portrait", loopback=True)
    camera, virtual = v4l2.devices(
        tmp_path, lambda path: LOOPBACK if path.name == "video10" else WEBCAM
    )
    assert (camera.captures, camera.outputs, v4l2.is_loopback(camera)) == (True, False, False)
    assert (virtual.captures, virtual.outputs, v4l2.is_loopback(virtual)) == (False, True, True)
    assert camera.accessible


def test_a_device_that_may_not_be_opened_is_told_from_sysfs(tmp_path):
    """Its name and its driver are no secret."""
    folder = plug(tmp_path, 0, "Webcam C920")
    write(tmp_path / "sys/bus/usb/drivers/uvcvideo/bind", "")
    (folder / "device").mkdir()
    (folder / "device/driver").symlink_to(tmp_path / "sys/bus/usb/drivers/uvcvideo")
    plug(tmp_path, 10, "Vivant AI portrait", loopback=True)
    camera, virtual = v4l2.devices(tmp_path, refusing)
    assert (camera.label, camera.driver, camera.captures) == ("Webcam C920", "uvcvideo", False)
    assert v4l2.is_loopback(virtual)


def test_a_node_that_is_missing_is_not_accessible(tmp_path):
    """As in a container that sees sysfs alone."""
    plug(tmp_path, 0, "Webcam C920")
    (tmp_path / "dev/video0").unlink()
    (device,) = v4l2.devices(tmp_path)
    assert not device.accessible


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("YU12:1280x720@30\n", Format("YU12", 1280, 720, 30)),
        ("YUYV:640x480@30000/1001\n", Format("YUYV", 640, 480, 30000 / 1001)),
        ("Y16 :64x64@5\n", Format("Y16 ", 64, 64, 5)),
        ("", None),
        ("nonsense", None),
        ("YU12:1x1@30/0", Format("YU12", 1, 1, 30)),
    ],
)
def test_the_format_is_read(tmp_path, text, format_):
    """As the driver prints it; empty while nobody writes."""
    write(plug(tmp_path, 10, "x", loopback=True) / "format", text)
    assert v4l2.format_of(10, tmp_path) == format_


def test_holders_are_named(tmp_path):
    """Whoever has the device open, through whatever link; writers as far as it is certain."""
    plug(tmp_path, 10, "x", loopback=True)
    node = tmp_path / "dev/video10"
    process(tmp_path, ZOOM, "zoom", node, "0100002")
    process(tmp_path, "5000002", "vivant", node, "04010001")
    process(tmp_path, "5000003", "cat", tmp_path / "other", "0100001")
    process(tmp_path, str(os.getpid()), "ourselves", node, "0100001")
    write(tmp_path / "proc/5000004/comm", "of another user")
    link = tmp_path / "by-id"
    link.symlink_to(node)
    assert v4l2.holders(link, tmp_path) == [f"zoom (pid {ZOOM})", "vivant (pid 5000002)"]
    assert v4l2.writers(link, tmp_path) == ["vivant (pid 5000002)"]


def test_presence_is_one_look(tmp_path):
    """There, and gone when it is unplugged or the module unloaded."""
    folder = plug(tmp_path, 10, "x")
    assert v4l2.present(10, tmp_path)
    folder.rename(tmp_path / "gone")
    assert not v4l2.present(10, tmp_path)


def test_a_loaded_module_tells_its_version_and_parameters(tmp_path):
    """From sysfs."""
    write(tmp_path / "sys/module/v4l2loopback/version", "0.15.0\n")
    write(tmp_path / "sys/module/v4l2loopback/parameters/max_buffers", "4\n")
    state = v4l2.module(tmp_path)
    assert state.loaded
    assert state.installed
    assert state.version == "0.15.0"
    assert state.parameters == {"max_buffers": "4"}


def test_an_installed_module_is_found_in_the_index_of_this_kernel(tmp_path):
    """Built, but not loaded."""
    index = tmp_path / "lib/modules" / platform.release() / "modules.dep"
    write(index, "updates/dkms/v4l2loopback.ko.xz: kernel/drivers/media/videodev.ko.xz\n")
    state = v4l2.module(tmp_path)
    assert (state.loaded, state.installed, state.source) == (False, True, False)


def test_source_that_is_not_built_is_no_module(tmp_path):
    """A kernel without its headers: the package is there, the module is not."""
    write(tmp_path / "usr/src/v4l2loopback-0.12.7/dkms.conf", "")
    state = v4l2.module(tmp_path)
    assert (state.installed, state.source, state.version) == (False, True, "0.12.7")


@pytest.mark.parametrize(("value", "answer"), [(b"\6\0\0\0\1", True), (b"\6\0\0\0\0", False)])
def test_secure_boot_is_read_from_the_firmware(tmp_path, value, answer):
    """Four bytes of attributes, then the value."""
    file = tmp_path / "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    file.parent.mkdir(parents=True)
    file.write_bytes(value)
    assert v4l2.secure_boot(tmp_path) is answer


@pytest.mark.skipif(sys.platform == "win32", reason="no ioctl")
def test_a_file_that_is_no_device_is_refused_and_not_revived(tmp_path):
    """The driver is asked, and there is none."""
    file = tmp_path / "video0"
    file.touch()
    with pytest.raises(OSError, match="ioctl"):
        v4l2.capabilities(file)
    v4l2.revive(file)
    v4l2.revive(tmp_path / "none")


def test_this_computer_can_be_asked():
    """Whatever it has, nothing raises."""
    v4l2.devices()
    v4l2.module()
    v4l2.secure_boot()
