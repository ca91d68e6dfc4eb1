"""What the doctor says of cameras, virtual cameras, sound, GPUs and the network."""

import platform
import socket
from dataclasses import replace

import pytest

from streamer.config import load
from streamer.doctor import examine
from streamer.doctor.check import steps
from streamer.doctor.machine import Answer
from tests.doctor_machines import (
    CAMERA,
    FILES,
    MODULE,
    SECURE_BOOT,
    VIRTUAL,
    ask,
    bad,
    camera,
    laptop,
    lines,
    look_at,
    smi,
)

WITHOUT_MODULE = {name: None for name in FILES if name.startswith(("sys/class/video", MODULE))}


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path / "home"))


def test_a_camera_without_permission(tmp_path):
    """Who is not in the group is told the command; a data node beside it is no news."""
    note = "no permission; run: sudo usermod -aG video $USER, then log out and in again"
    listed = [camera(note=note, forbidden=True), camera("Data (/dev/video1)", "gives no pictures")]
    checks = look_at(laptop(tmp_path, jobs={"open_cameras": lines(*listed)}))
    problems = examine(
        load(), machine=laptop(tmp_path, jobs={"cameras": lines(*listed)}), quick=True
    )
    assert checks["Camera", "webcam"].status == "warn"
    machine = laptop(tmp_path, jobs={"open_cameras": lines(*listed)})
    assert look_at(machine, "camera.kind=webcam")["Camera", "webcam"].status == "fail"
    found = [c for c in problems if c.topic == "Camera" and "no permission" in c.found]
    assert found[0].found == f"{CAMERA}: no permission"
    assert found[0].commands == ["sudo usermod -aG video $USER"]
    assert list(steps(found[0].fix))[-1] == ("then log out and in again", False)


def test_a_busy_camera_beside_one_that_works(tmp_path):
    """It is told who has it; the other one suffices."""
    other = "Other (/dev/video2)"
    busy = f"{other} is in use by zoom (pid 42); close it there"
    found = lines(
        *(camera(), camera(other), camera("Data (/dev/video1)", "gives no pictures")),
        {"opened": CAMERA, "label": CAMERA, "ms": 300},
        {"opened": other, "problem": busy},
    )
    checks = examine(load(), machine=laptop(tmp_path, jobs={"open_cameras": found}), ask=ask)
    cameras = [check for check in checks if check.topic == "Camera"]
    assert [check.status for check in cameras] == ["ok", "warn"]
    assert cameras[1].found == f"{other}: is in use by zoom (pid 42)"
    assert cameras[1].fix == "close it there"


def test_a_camera_that_is_not_there(tmp_path):
    """The names there are, and the setting."""
    missing = {"missing": "camera.device logi: no such camera; there is Integrated Camera"}
    jobs = {"open_cameras": lines(camera(), missing)}
    checks = look_at(laptop(tmp_path, jobs=jobs), "camera.kind=webcam", "camera.device=logi")
    found = checks["Camera", "camera.device"]
    assert (found.status, found.found) == ("fail", "camera.device logi: no such camera")
    assert "--set camera.device=NAME" in found.fix


def test_a_camera_driver_that_brings_its_reader_down(tmp_path):
    """It happens in another process."""
    checks = look_at(laptop(tmp_path, jobs={"open_cameras": Answer(-11, "")}))
    assert "could not be checked" in checks["Camera", "webcam"].found


def test_quick_opens_no_camera_and_measures_nothing(tmp_path):
    """A camera's light stays off."""
    jobs = {"open_cameras": AssertionError("opened"), "speed": AssertionError("measured")}
    checks = look_at(laptop(tmp_path, jobs=jobs), quick=True)
    assert bad(checks) == {}
    assert checks["Camera", "webcam"].found == f"{CAMERA}, not opened"
    assert ("Processor", "speed") not in checks


def test_the_module_is_missing(tmp_path):
    """The command that installs it, and the one that loads it."""
    machine = laptop(tmp_path, files=WITHOUT_MODULE, programs={"apt-get": ""})
    found = look_at(machine)["Virtual camera", "problem"]
    assert "v4l2loopback" in found.found
    install, load_it = found.commands
    assert install.startswith("sudo apt-get install -y v4l2loopback-dkms linux-headers-$(uname -r)")
    assert load_it.startswith("sudo modprobe v4l2loopback ")
    assert 'card_label="Vivant AI portrait"' in load_it
    assert load_it.endswith("max_buffers=4")


def test_secure_boot_is_told(tmp_path):
    """With the module loaded it is no trouble."""
    on = {SECURE_BOOT: bytes([6, 0, 0, 0, 1])}
    checks = look_at(laptop(tmp_path, files=on))
    assert checks["Virtual camera", "Secure Boot"].found == "on: only signed modules load"
    assert bad(checks) == {}


def test_secure_boot_keeps_the_module_out(tmp_path):
    """The command that enrols its key is among those to copy."""
    release = f"lib/modules/{platform.release()}/modules.dep"
    files = WITHOUT_MODULE | {SECURE_BOOT: bytes([6, 0, 0, 0, 1]), release: "x/v4l2loopback.ko:"}
    found = look_at(laptop(tmp_path, files=files))["Virtual camera", "problem"]
    assert "Secure Boot" in found.found
    assert found.commands[0].startswith("sudo modprobe v4l2loopback ")
    assert any(command.startswith("sudo mokutil --import") for command in found.commands)


def test_module_0_12_that_was_left_stuck(tmp_path):
    """Its version and the reload are told."""

    def neither(path):
        return replace(ask(path), outputs=False)

    machine = laptop(tmp_path, files={f"{MODULE}/version": "0.12.7"})
    checks = look_at(machine, ask=neither)
    assert "0.12.7" in checks["Virtual camera", "module"].found
    assert checks["Virtual camera", "problem"].status == "warn"
    assert checks["Virtual camera", "problem"].commands[0].startswith("sudo modprobe -r v4l2loop")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (f"{MODULE}/parameters/max_buffers", "32", "max_buffers=32"),
        (f"{VIRTUAL}/name", "Dummy video device", "AI avatar"),
    ],
)
def test_a_module_with_bad_options(tmp_path, file, content, words):
    """A run works with it, so even a run that wants it is only warned."""
    checks = look_at(laptop(tmp_path, files={file: content}), "sink.kind=virtualcam")
    assert checks["Virtual camera", "problem"].status == "warn"
    assert words in checks["Virtual camera", "problem"].found


def test_an_old_driver(tmp_path):
    """Too old for what TensorRT is built on."""
    table = smi(**{"name,driver_version": "NVIDIA GeForce GTX 1660, 535.183.01, 6144"})
    checks = look_at(laptop(tmp_path, programs={"nvidia-smi": table, "ubuntu-drivers": ""}))
    found = checks["Inference", "GPU driver"]
    assert found.status == "warn"
    assert "CUDA 13 needs 580" in found.found
    assert found.commands == ["sudo ubuntu-drivers install"]


def test_an_old_driver_suffices_for_the_tensorrt_of_old(tmp_path):
    """That of CUDA 12."""
    table = smi(**{"name,driver_version": "NVIDIA GeForce GTX 1660, 535.183.01, 6144"})
    versions = {"tensorrt_cu12": "10.9"}
    machine = laptop(tmp_path, programs={"nvidia-smi": table}, versions=versions)
    assert look_at(machine)["Inference", "GPU driver"].status == "ok"


def test_an_old_gpu(tmp_path):
    """The CPU does the work."""
    checks = look_at(laptop(tmp_path, programs={"nvidia-smi": smi(compute_cap="6.1")}))
    assert "too old for TensorRT" in checks["Inference", "GPU"].found


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("Failed to initialize NVML: Driver/library version mismatch", ["sudo reboot"]),
        ("NVIDIA-SMI has failed because it couldn't communicate with it", ["sudo modprobe nvidia"]),
        ("No devices were found", []),
    ],
)
def test_a_driver_that_does_not_answer(tmp_path, said, command):
    """What it says, and the way out."""
    programs = {"nvidia-smi": {"": Answer(9, said)}}
    found = look_at(laptop(tmp_path, programs=programs))["Inference", "GPU driver"]
    assert said in found.found
    assert found.commands == command


@pytest.mark.parametrize(("inside", "words"), [("", "gpus=all"), (None, "nvidia.com/drivers")])
def test_a_gpu_without_a_driver(tmp_path, inside, words):
    """On the bus; in a container it has to be handed in."""
    card = "sys/bus/pci/devices/0000:01:00.0"
    files = {f"{card}/vendor": "0x10de", f"{card}/class": "0x030000", ".dockerenv": inside}
    checks = look_at(laptop(tmp_path, files=files, programs={}))
    assert words in checks["Inference", "GPU"].fix


def test_sound_without_portaudio(tmp_path):
    """A system library on Linux; elsewhere it comes with the package."""
    jobs = {"microphones": lines({"problem": "PortAudio library not found"})}
    found = look_at(laptop(tmp_path, jobs=jobs))["Sound", "microphone"]
    assert found.commands == ["sudo apt-get install -y libportaudio2"]
    found = look_at(laptop(tmp_path, jobs=jobs, platform="darwin"))["Sound", "microphone"]
    assert found.commands == ["python -m pip install --force-reinstall sounddevice"]


def test_no_microphone(tmp_path):
    """Recordings are silent; so they are where it is off, by choice."""
    jobs = {"microphones": lines()}
    assert look_at(laptop(tmp_path, jobs=jobs))["Sound", "microphone"].status == "warn"
    checks = look_at(laptop(tmp_path, jobs=jobs), "record.microphone=false")
    assert checks["Sound", "microphone"].status == "ok"


def test_a_token_that_others_may_read(tmp_path, monkeypatch):
    """It steers the run."""
    home = tmp_path / "own"
    monkeypatch.setenv("VIVANT_HOME", str(home))
    home.mkdir()
    (home / "token").touch(0o600)
    assert look_at(laptop(tmp_path))["Network", "control token"].status == "ok"
    (home / "token").chmod(0o644)
    found = look_at(laptop(tmp_path))["Network", "control token"]
    assert found.commands == [f"chmod 600 {home / 'token'}"]


def test_a_port_that_is_taken(tmp_path):
    """By whom cannot be told; the run goes on without its control interface."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        checks = look_at(laptop(tmp_path), f"control.port={port}")
        found = checks["Network", "control port"]
    assert (found.status, "is taken" in found.found) == ("warn", True)
    assert "--set control.port=0" in found.fix
    checks = look_at(laptop(tmp_path), "control.enabled=false")
    assert checks["Network", "control port"].found == "off"
