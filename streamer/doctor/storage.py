"""Room: on the disk and in memory."""

from collections.abc import Iterator
from pathlib import Path

from streamer import places
from streamer.config import Config
from streamer.doctor.check import Check, Status
from streamer.doctor.limits import memory_limit
from streamer.doctor.machine import Machine

_TOPIC = "Disk and memory"
_ROOM = 2e9
"""Bytes that should be free: about an hour of recording."""
_MEMORY = 1e9
"""Bytes that should be free: twice the most that was measured."""


def check_data_folder(machine: Machine) -> list[Check]:
    """Where calibrations are kept."""
    fix = f"name a folder that you may write to; run: export {places.HOME}=~/vivant"
    return [_folder(machine, "own files", places.data_folder(), fix, "warn")]


def check_recordings(machine: Machine, config: Config) -> list[Check]:
    """Where videos go: recordings made while it runs, and those of the file sink."""
    record, sink = config.record, config.sink
    folder = Path(record.path).parent if record.path else Path(record.folder)
    fix = "choose another folder: --set record.folder=/another/folder"
    checks = [_folder(machine, "recordings", folder, fix, "warn")]
    bad: Status = "fail" if sink.kind == "file" else "warn"
    fix = "choose another place: --set sink.path=/another/folder/out.mp4"
    video = _folder(machine, "video", Path(sink.path or "video").parent, fix, bad)
    # of a file that is perhaps not written only trouble is of interest
    if sink.kind == "file" or (sink.kind == "auto" and video.status != "ok"):
        checks.append(video)
    return checks


def _folder(machine: Machine, name: str, folder: Path, fix: str, bad: Status) -> Check:
    place = folder.expanduser().absolute()
    there = next(above for above in (place, *place.parents) if above.exists())
    if not there.is_dir():
        return Check(_TOPIC, name, bad, f"{there} is a file, and a folder is needed", fix)
    if not machine.may_write(there):
        return Check(_TOPIC, name, bad, f"{place}: no permission to write there", fix)
    free = machine.free_bytes(there)
    found = f"{place}, {free / 1e9:.1f} GB free"
    return Check(_TOPIC, name, "ok", found) if free >= _ROOM else _full(name, found, fix)


def _full(name: str, found: str, fix: str) -> Check:
    return Check(_TOPIC, name, "warn", f"{found}: a recording may not fit", f"make room, or {fix}")


def check_memory(machine: Machine) -> list[Check]:
    """What this process may take."""
    total, free = _memory(machine)
    limit = memory_limit(machine)
    if limit is not None and (total is None or limit < total):
        total, free = limit, min(limit, free) if free is not None else limit
        name = "memory of the container"
    else:
        name = "memory"
    if total is None or free is None:
        return [Check(_TOPIC, name, "ok", "this system does not tell")]
    found = f"{total / 1e9:.1f} GB, {free / 1e9:.1f} GB free"
    if free >= _MEMORY:
        return [Check(_TOPIC, name, "ok", found)]
    fix = "Vivant takes about 0.5 GB: close other programs, or give the container more"
    return [Check(_TOPIC, name, "warn", found, fix)]


def _memory(machine: Machine) -> tuple[float | None, float | None]:
    """Bytes there are, and bytes that are free; None where the system does not tell."""
    match machine.platform:
        case "darwin":
            total = machine.said(["sysctl", "-n", "hw.memsize"])
            return (float(total), float(total)) if total.isdecimal() else (None, None)
        case "win32":
            system = "Get-CimInstance Win32_OperatingSystem"
            command = f"$s = {system}; $s.TotalVisibleMemorySize; $s.FreePhysicalMemory"
            kilobytes = machine.said(["powershell", "-NoProfile", "-Command", command], 8).split()
            if len(kilobytes) == 2 and all(word.isdecimal() for word in kilobytes):
                return float(kilobytes[0]) * 1024, float(kilobytes[1]) * 1024
            return None, None
        case _:
            table = dict(_lines(machine.text("/proc/meminfo")))
            return table.get("MemTotal"), table.get("MemAvailable")


def _lines(meminfo: str) -> Iterator[tuple[str, float]]:
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdecimal():
            yield name, float(words[0]) * 1024
