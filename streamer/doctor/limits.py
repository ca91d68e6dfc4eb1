"""What a container may use, by its control group (version 2, or 1 on older systems)."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from streamer.doctor.machine import Machine

_GROUPS = "/sys/fs/cgroup"


def core_quota(machine: Machine) -> float | None:
    """Cores worth of time that the group may use; None when it is not limited."""
    quotas = [_quota(*text.split()[:2]) for text in _values(machine, "", "cpu.max")]
    periods = list(_values(machine, "cpu", "cpu.cfs_period_us"))
    quotas += [
        _quota(quota, period)
        for quota, period in zip(_values(machine, "cpu", "cpu.cfs_quota_us"), periods, strict=False)
    ]
    return min((quota for quota in quotas if quota is not None), default=None)


def memory_limit(machine: Machine) -> float | None:
    """Bytes that the group may use; None when it is not limited."""
    texts = [*_values(machine, "", "memory.max")]
    texts += _values(machine, "memory", "memory.limit_in_bytes")
    limits = [float(text) for text in texts if text.isdecimal()]
    return min((limit for limit in limits if limit < 1 << 60), default=None)


def _quota(quota: str, period: str = "100000") -> float | None:
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None  # "max", or -1
    return int(quota) / int(period)


def _values(machine: Machine, controller: str, file: str) -> Iterator[str]:
    """A file's content in the process's own group and in those above it."""
    for group in _groups(machine, controller):
        text = machine.text(f"{_GROUPS}/{controller}/{group}/{file}")
        if text:
            yield text


def _groups(machine: Machine, controller: str) -> Iterator[str]:
    """The process's group and those above it, without the slash in front."""
    own = "/"
    for line in machine.text("/proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controller in controllers.split(","):
            own = path
    place = PurePosixPath("/", own.lstrip("/"))
    for above in (place, *place.parents):
        yield str(above).lstrip("/")
