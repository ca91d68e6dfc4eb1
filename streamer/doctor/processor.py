"""The processor: what there is, what we may use of it, and how fast it is at our work."""

import ctypes
import platform
import re
import sys

from streamer.doctor.check import Check
from streamer.doctor.child import SIZE, STAGES, findings
from streamer.doctor.limits import core_quota
from streamer.doctor.machine import Machine

_TOPIC = "Processor"
_LIMIT_S = 45
_FRAME_MS = 1000 / 30

_FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 bf16",
    "amx_bf16": "AMX bf16",
}
"""As Linux names them, and as people do; the first is wanted, the others are welcome."""
_WINDOWS_FLAGS = {"avx2": 40, "avx512f": 41}
"""Numbers for IsProcessorFeaturePresent, from winnt.h; there are none for the others."""
_POWER_SAVER = "a1841308-3541-4fab-bc81-f71556f20b4a"
"""The power plan of that name, on every Windows."""


def check_cores(machine: Machine) -> list[Check]:
    """Model, and the cores that this process may use."""
    model, cores, quota = _model(machine), float(machine.cores), core_quota(machine)
    limited = quota is not None and quota < cores
    cores = quota if limited and quota is not None else cores
    found = f"{model}, {cores:g} core{'' if cores == 1 else 's'}"
    if limited:
        found += f" of {machine.cores}: the container's quota"
    if cores >= 2:
        return [Check(_TOPIC, "cores", "ok", found)]
    fix = "two cores are needed for 30 pictures a second"
    if limited:
        fix = f"{fix}; give the container more; run: docker update --cpus 2 CONTAINER"
    return [Check(_TOPIC, "cores", "warn", found, fix)]


def _model(machine: Machine) -> str:
    match machine.platform:
        case "darwin":
            model = machine.said(["sysctl", "-n", "machdep.cpu.brand_string"])
        case "win32":
            model = machine.environment.get("PROCESSOR_IDENTIFIER", "")
        case _:
            model = _cpuinfo(machine, "model name")
    return " ".join(model.split()) or platform.machine() or "unknown"


def _cpuinfo(machine: Machine, field: str) -> str:
    """A field of the first processor."""
    found = re.search(rf"^{field}\s*: (.*)$", machine.text("/proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else ""


def check_instructions(machine: Machine) -> list[Check]:
    """The vector instructions that make the work fast."""
    flags = _flags(machine)
    if flags is None:
        what = f"{platform.machine() or 'this processor'}: no x86, its own are used"
        return [Check(_TOPIC, "instructions", "ok", what)]
    has = [name for flag, name in _FLAGS.items() if flag in flags]
    if "avx2" in flags:
        return [Check(_TOPIC, "instructions", "ok", ", ".join(has))]
    fix = "in a virtual machine, pass the processor through (QEMU: -cpu host)"
    return [Check(_TOPIC, "instructions", "warn", "no AVX2: the work takes much longer", fix)]


def _flags(machine: Machine) -> set[str] | None:
    """Instructions by Linux's names; None on a processor that is no x86."""
    match machine.platform:
        case "darwin":
            words = machine.said(["sysctl", "-n", "machdep.cpu.leaf7_features"]).lower().split()
            return set(words) or None
        case "win32":
            return _windows_flags()
        case _:
            return set(_cpuinfo(machine, "flags").split()) or None


def _windows_flags() -> set[str] | None:
    if sys.platform != "win32" or platform.machine() != "AMD64":
        return None
    kernel = ctypes.windll.kernel32
    return {n for n, number in _WINDOWS_FLAGS.items() if kernel.IsProcessorFeaturePresent(number)}


def check_power(machine: Machine) -> list[Check]:
    """Whether the system holds the processor back to save power."""
    match machine.platform:
        case "darwin":
            saving = re.search(r"lowpowermode\s+1", machine.said(["pmset", "-g"])) is not None
            found, fix = "low power mode", "run: sudo pmset -a lowpowermode 0"
        case "win32":
            saving = _POWER_SAVER in machine.said(["powercfg", "/getactivescheme"]).lower()
            found, fix = "power saver plan", "run: powercfg /setactive SCHEME_BALANCED"
        case _:
            return _governor(machine)
    checks = [Check(_TOPIC, "power", "warn", f"{found}: the processor is slow", fix)]
    return checks if saving else [Check(_TOPIC, "power", "ok", "not held back")]


def _governor(machine: Machine) -> list[Check]:
    """Under a driver with preferences of its own, `powersave` is the usual governor and fast."""
    folder = "/sys/devices/system/cpu/cpu0/cpufreq"
    governor = machine.text(f"{folder}/scaling_governor")
    preference = machine.text(f"{folder}/energy_performance_preference")
    if not governor:
        return []
    saving = preference == "power" if preference else governor == "powersave"
    found = f"governor {governor}" + (f", preference {preference}" if preference else "")
    if not saving:
        return [Check(_TOPIC, "power", "ok", found)]
    fix = "run: powerprofilesctl set balanced"
    if machine.which("powerprofilesctl") is None:
        files, value = "scaling_governor", "schedutil"
        if preference:
            files, value = "energy_performance_preference", "balance_performance"
        target = f"/sys/devices/system/cpu/cpu*/cpufreq/{files}"
        fix = f"run: echo {value} | sudo tee {target}"
    return [Check(_TOPIC, "power", "warn", f"{found}: the processor is held back", fix)]


def check_load(machine: Machine) -> list[Check]:
    """What else runs: the mean of the last minute, of the whole computer."""
    words = machine.text("/proc/loadavg").split()
    if machine.platform == "darwin":
        words = machine.said(["sysctl", "-n", "vm.loadavg"]).strip("{} ").split()
    if not words:
        return []
    load = float(words[0].replace(",", "."))
    listed = re.findall(r"^processor\s*:", machine.text("/proc/cpuinfo"), re.MULTILINE)
    everywhere = max(len(listed), machine.cores)
    found = f"{load:.1f} programs compute on {everywhere} cores, mean of a minute"
    if load <= everywhere:
        return [Check(_TOPIC, "load", "ok", found)]
    fix = "close other programs; to see which; run: top"
    return [Check(_TOPIC, "load", "warn", found, fix)]


def check_speed(machine: Machine) -> list[Check]:
    """Whether a bundled portrait can be drawn 30 times a second, tried for less than a second."""
    found, code = findings(machine, "speed", _LIMIT_S)
    if not found:
        why = f"could not be measured (exit code {code}); with its message"
        return [Check(_TOPIC, "speed", "warn", why, "run: vivant --debug bench --frames 30")]
    times = {name: float(found[-1][name]) for name in STAGES}
    total = sum(times.values())
    parts = " + ".join(f"{name} {ms:.1f}" for name, ms in times.items())
    text = f"{parts} = {total:.1f} ms a frame at {SIZE} x {SIZE}"
    if total <= _FRAME_MS:
        return [Check(_TOPIC, "speed", "ok", f"30 fps at {SIZE}: yes; {text}")]
    fps = 1000 / total
    fix = "close other programs, or draw a smaller picture: --set generator.size=384"
    return [Check(_TOPIC, "speed", "warn", f"30 fps at {SIZE}: no, about {fps:.0f}; {text}", fix)]
