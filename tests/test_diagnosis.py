"""Which virtual camera is meant, and what is said where there is none."""

import os
from pathlib import Path

import pytest

from streamer.config import SinkConfig
from streamer.sink import diagnosis
from streamer.sink.diagnosis import find_problems, unavailable
from tests.test_v4l2 import plug, write
from tests.virtualcams import CONFIG, LOAD, FakeDriver, bare, machine


@pytest.fixture
def driver(tmp_path):
    return FakeDriver(tmp_path)


def second(driver: FakeDriver, number: int, label: str) -> FakeDriver:
    """Another device of the same module, and a driver for both."""
    other = FakeDriver(driver.root, number, label)
    ask = driver.ask
    driver.ask = lambda path: other.ask(path) if path == other.node else ask(path)
    return other


def test_the_device_that_says_it_is_an_avatar_comes_first(driver):
    """Before those of lower numbers."""
    second(driver, 2, "OBS Virtual Camera")
    plug(driver.root, 0, "Webcam C920")
    chosen = diagnosis.choose(CONFIG, machine(driver))
    assert chosen.number == 10


@pytest.mark.parametrize("device", [2, "2", "obs virt", "PATH"])
def test_a_device_is_meant_by_number_name_or_path(driver, device):
    """The number of /dev/video2 is not stable; a part of its name is."""
    other = second(driver, 2, "OBS Virtual Camera")
    config = SinkConfig(device=str(other.node) if device == "PATH" else device)
    assert diagnosis.choose(config, machine(driver)).number == 2


def test_a_device_in_use_is_passed_over(driver):
    """The first free one, unless one is named."""
    other = second(driver, 11, "Vivant AI portrait 2")
    driver.shows = True
    assert diagnosis.choose(CONFIG, machine(driver)).number == other.number


def test_a_device_that_does_not_exist_is_answered_with_those_that_do(driver):
    """One line."""
    said = unavailable(SinkConfig(device="Snap"), machine(driver))
    assert "sink.device 'Snap': there is no such virtual camera; there are: " in said
    assert "video10 'Vivant AI portrait'" in said


def test_a_webcam_is_no_virtual_camera(driver):
    """Told with its name."""
    plug(driver.root, 0, "Webcam C920")
    said = unavailable(SinkConfig(device=0), machine(driver))
    assert "video0 'Webcam C920' is no virtual camera (uvcvideo)" in said


def test_doubtful_parameters_are_warnings(driver):
    """Neither hinders, both are told with the fix."""
    driver.open_to_all = True
    write(driver.root / "sys/module/v4l2loopback/parameters/max_buffers", "32")
    caps, buffers = find_problems(CONFIG, machine(driver))
    assert "without exclusive_caps=1: browsers do not list it" in caps.problem
    assert "max_buffers=32" in buffers.problem
    assert [caps.blocks, buffers.blocks] == [False, False]
    assert unavailable(CONFIG, machine(driver)) == ""


def test_a_stuck_device_is_a_warning_as_we_wake_it(driver):
    """For other programs there is the reload."""
    driver.outputs = False
    (finding,) = find_problems(CONFIG, machine(driver))
    assert not finding.blocks
    assert finding.fix.startswith("Vivant wakes it when it starts; for other programs close its")


def test_a_missing_package_is_found_before_devices(tmp_path):
    """Both are told to the doctor."""
    package, module = find_problems(CONFIG, bare(tmp_path, package=False))
    assert "pyvirtualcam" in package.problem
    assert "not installed" in module.problem
    assert unavailable(CONFIG, bare(tmp_path, package=False)) == str(package)


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("apt-get", "sudo apt-get install -y v4l2loopback-dkms linux-headers-$(uname -r)"),
        ("dnf", "sudo dnf install -y akmod-v4l2loopback"),
        ("pacman", "sudo pacman -S v4l2loopback-dkms linux-headers"),
        ("none", "sudo apt-get install -y v4l2loopback-dkms"),
    ],
)
def test_a_module_that_is_not_installed(tmp_path, tool, command):
    """In the words of the system's package manager."""
    said = unavailable(CONFIG, bare(tmp_path, tool=tool))
    assert "not installed; run: " + command in said
    assert said.endswith(f"then: {LOAD}")


def test_a_module_that_is_not_built(tmp_path):
    """After a new kernel, or without its headers."""
    write(tmp_path / "usr/src/v4l2loopback-0.12.7/dkms.conf", "")
    said = unavailable(CONFIG, bare(tmp_path))
    assert "is not built for this kernel" in said
    assert "linux-headers-$(uname -r) && sudo dkms autoinstall" in said


def install(root: Path) -> None:
    release = os.uname().release
    write(root / "lib/modules" / release / "modules.dep", "updates/dkms/v4l2loopback.ko:\n")


def test_a_module_that_is_not_loaded(tmp_path):
    """With the command that loads it, and what keeps it loaded."""
    install(tmp_path)
    said = unavailable(CONFIG, bare(tmp_path))
    assert f"is not loaded; run: {LOAD} (and to keep it: echo 'options v4l2loopback" in said
    assert "| sudo tee /etc/modprobe.d/vivant.conf" in said
    assert "/etc/modules-load.d/vivant.conf" in said


def test_secure_boot_refuses_modules_without_signature(tmp_path):
    """With the way to sign it."""
    install(tmp_path)
    write(
        tmp_path / "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "\6\0\0\0\1",
    )
    said = unavailable(CONFIG, bare(tmp_path))
    assert "Secure Boot refuses modules that are not signed" in said
    assert "sudo mokutil --import" in said


def test_a_module_without_a_device(tmp_path):
    """Loaded with devices=0."""
    write(tmp_path / "sys/module/v4l2loopback/version", "0.15.0")
    said = unavailable(CONFIG, bare(tmp_path))
    assert "has no device; run: sudo modprobe -r v4l2loopback && " + LOAD in said


def test_a_number_that_is_taken_is_not_advised(tmp_path):
    """/dev/video10 is a codec on a Raspberry Pi."""
    plug(tmp_path, 10, "bcm2835-codec-decode")
    assert "video_nr=11" in unavailable(CONFIG, bare(tmp_path))
