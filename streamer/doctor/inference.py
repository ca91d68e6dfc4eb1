"""What networks can run on: OpenVINO's devices, an NVIDIA GPU, its driver, TensorRT."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from streamer.doctor.check import Check
from streamer.doctor.child import findings
from streamer.doctor.machine import Answer, Machine

_TOPIC = "Inference"
_LIMIT_S = 25

_CUDA_DRIVERS = {12: 525, 13: 580}
"""The oldest driver branch that runs a major version of CUDA, on Linux.

NVIDIA, "CUDA Compatibility", table 1 of
https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
"""
_CUDA = 13
"""What today's TensorRT is built on, unless the name of its package says otherwise."""
_OLDEST_GPU = 7.5
"""Compute capability: the lowest in NVIDIA's support matrix of TensorRT for RTX 1.5."""
_TENSORRT = ("tensorrt", "tensorrt_rtx", "tensorrt_cu13", "tensorrt_cu12")
_NVIDIA, _DISPLAY = "0x10de", "0x03"
_FORMAT = "--format=csv,noheader,nounits"
_GPU_EXTRA = "python -m pip install '.[gpu]'"
_DRIVERS = "https://www.nvidia.com/drivers"


@dataclass(frozen=True, slots=True)
class _Gpu:
    name: str
    driver: str
    memory_mb: str
    capability: str
    """empty when the driver does not tell"""


def check_openvino(machine: Machine) -> list[Check]:
    """The devices it lists, asked in another process: drivers of devices are loaded for it."""
    version = machine.distribution("openvino")
    if version is None:
        fix = "run: python -m pip install --force-reinstall ."
        return [Check(_TOPIC, "OpenVINO", "warn", "not installed: no engine on the CPU", fix)]
    found, code = findings(machine, "openvino", _LIMIT_S)
    if not found:
        fix = "run: python -m pip install --force-reinstall openvino"
        why = f"{version} lists no device (exit code {code})"
        return [Check(_TOPIC, "OpenVINO", "warn", why, fix)]
    devices = "; ".join(_device(line["device"], line["name"], line["can"]) for line in found)
    return [Check(_TOPIC, "OpenVINO", "ok", f"{version}: {devices}")]


def _device(device: str, name: str, can: Sequence[str]) -> str:
    kinds = [kind.lower() for kind in ("FP32", "BF16", "FP16", "INT8") if kind in can]
    return f"{device} {' '.join(name.split())} ({', '.join(kinds)})"


def check_gpu(machine: Machine) -> list[Check]:
    """NVIDIA's GPUs, their driver, and whether it suffices for TensorRT."""
    if machine.platform == "darwin":
        return [Check(_TOPIC, "GPU", "ok", "not used on macOS")]
    program = _nvidia_smi(machine)
    if program is None:
        return _without_driver(machine)
    fields = "--query-gpu=name,driver_version,memory.total"
    answer = machine.run([program, fields, _FORMAT], 15)
    if answer.code != 0 or not answer.out.strip():
        return [_silent(answer)]
    gpus = _gpus(answer.out, machine.said([program, "--query-gpu=compute_cap", _FORMAT], 15))
    header = re.search(r"CUDA Version: *([\d.]+)", machine.said([program], 15))
    cuda = header[1] if header else ""
    checks = [_described(gpu) for gpu in gpus]
    return [*checks, _driver(machine, gpus[0].driver, cuda)] if gpus else []


def has_gpu(machine: Machine) -> bool:
    """Whether an NVIDIA GPU could be used, if all its software were there."""
    if machine.platform == "darwin":
        return False
    return _nvidia_smi(machine) is not None or _on_the_bus(machine)


def _nvidia_smi(machine: Machine) -> str | None:
    """The driver's own program; under WSL it is outside the search path."""
    beside = machine.path("/usr/lib/wsl/lib/nvidia-smi")
    return machine.which("nvidia-smi") or (str(beside) if beside.exists() else None)


def _gpus(table: str, capabilities: str) -> list[_Gpu]:
    rows = [[cell.strip() for cell in line.split(",")] for line in table.strip().splitlines()]
    told = capabilities.split() + [""] * len(rows)
    return [
        _Gpu(", ".join(row[:-2]), row[-2], row[-1], capability)
        for row, capability in zip(rows, told, strict=False)
        if len(row) >= 3
    ]


def _described(gpu: _Gpu) -> Check:
    memory = f", {int(gpu.memory_mb) / 1024:.0f} GB" if gpu.memory_mb.isdecimal() else ""
    found = f"{gpu.name}{memory}"
    if not re.fullmatch(r"\d+\.\d+", gpu.capability):
        return Check(_TOPIC, "GPU", "ok", found)
    found += f", compute capability {gpu.capability}"
    if float(gpu.capability) >= _OLDEST_GPU:
        return Check(_TOPIC, "GPU", "ok", found)
    why = f"{found}: too old for TensorRT, which needs {_OLDEST_GPU}; the CPU does the work"
    return Check(_TOPIC, "GPU", "warn", why)


def _driver(machine: Machine, driver: str, cuda: str) -> Check:
    found = f"{driver}, for CUDA up to {cuda}" if cuda else driver
    needed = _cuda_of_tensorrt(machine)
    oldest, branch = _CUDA_DRIVERS[needed], driver.partition(".")[0]
    if not branch.isdecimal() or int(branch) >= oldest:
        return Check(_TOPIC, "GPU driver", "ok", found)
    why = f"{found}: TensorRT with CUDA {needed} needs {oldest} or newer"
    return Check(_TOPIC, "GPU driver", "warn", why, _newer_driver(machine))


def _newer_driver(machine: Machine) -> str:
    if machine.which("ubuntu-drivers"):
        return "install a newer driver, then restart; run: sudo ubuntu-drivers install"
    return f"install a newer driver from {_DRIVERS}, then restart"


def _silent(answer: Answer) -> Check:
    """The driver is installed, and does not answer."""
    said = (answer.out.strip() or answer.err.strip() or "nothing").splitlines()[0]
    found = f"nvidia-smi says: {said}"
    if "mismatch" in said:
        fix = "the driver was updated: restart; run: sudo reboot"
    elif "communicate" in said:
        fix = "load the driver (under Secure Boot it must be signed); run: sudo modprobe nvidia"
    else:
        fix = f"install the driver anew from {_DRIVERS}"
    return Check(_TOPIC, "GPU driver", "warn", found, fix)


def _without_driver(machine: Machine) -> list[Check]:
    if not _on_the_bus(machine):
        return [Check(_TOPIC, "GPU", "ok", "no NVIDIA GPU: the CPU does the work")]
    found = "an NVIDIA GPU is here, its driver is not: the CPU does the work"
    if machine.is_container:
        fix = "hand it to the container; run: docker run --gpus=all IMAGE"
    else:
        fix = _newer_driver(machine).replace("a newer", "its")
    return [Check(_TOPIC, "GPU", "warn", found, fix)]


def _on_the_bus(machine: Machine) -> bool:
    folder = machine.path("/sys/bus/pci/devices")
    names = [device.name for device in folder.iterdir()] if folder.is_dir() else []
    places = [f"/sys/bus/pci/devices/{name}" for name in names]
    return any(
        machine.text(f"{place}/vendor") == _NVIDIA
        and machine.text(f"{place}/class").startswith(_DISPLAY)
        for place in places
    )


def check_tensorrt(machine: Machine) -> list[Check]:
    """Which of its packages is installed."""
    found = _installed_tensorrt(machine)
    if not found:
        if not has_gpu(machine):
            return [Check(_TOPIC, "TensorRT", "ok", "not installed: it needs an NVIDIA GPU")]
        why = "not installed: the GPU is used less well, or not at all"
        return [Check(_TOPIC, "TensorRT", "warn", why, f"run: {_GPU_EXTRA}")]
    return [Check(_TOPIC, "TensorRT", "ok", ", ".join(f"{n} {v}" for n, v in found.items()))]


def _installed_tensorrt(machine: Machine) -> dict[str, str]:
    versions = {name: machine.distribution(name) for name in _TENSORRT}
    return {name: version for name, version in versions.items() if version is not None}


def _cuda_of_tensorrt(machine: Machine) -> int:
    installed = _installed_tensorrt(machine)
    return 12 if "tensorrt_cu12" in installed and "tensorrt_cu13" not in installed else _CUDA
