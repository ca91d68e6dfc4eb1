"""The virtual camera, by which call programs get the portrait."""

from collections.abc import Iterator

from streamer import v4l2
from streamer.config import SinkConfig
from streamer.doctor.check import Check
from streamer.doctor.machine import Machine

_TOPIC = "Virtual camera"
_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


def check_virtual_camera(machine: Machine, config: SinkConfig, ask: v4l2.Ask) -> list[Check]:
    """What there is, and all that keeps a program from using it."""
    if config.kind in ("file", "none"):
        return [Check(_TOPIC, "device", "ok", f"not needed: sink.kind is {config.kind}")]
    from streamer.sink import diagnosis  # noqa: PLC0415  (brings av and opencv)

    version = machine.distribution("pyvirtualcam")
    edge = diagnosis.Machine(
        system=_SYSTEMS.get(machine.platform, machine.platform),
        root=machine.root,
        ask=ask,
        which=machine.which,
        package=lambda: version is not None,
        environ=machine.environment,
    )
    checks = [] if version is None else [Check(_TOPIC, "pyvirtualcam", "ok", version)]
    if machine.platform == "linux":
        checks += _linux(machine, ask)
    problems = diagnosis.find_problems(config, edge)
    must = config.kind == "virtualcam"
    where = "on the computer itself, not in the container; " if machine.is_container else ""
    checks += [
        Check(_TOPIC, "problem", "fail" if must and p.blocks else "warn", p.problem, where + p.fix)
        for p in problems
    ]
    if not problems and machine.platform != "linux":
        checks.append(Check(_TOPIC, "device", "ok", "the camera of OBS"))
    return checks


def _linux(machine: Machine, ask: v4l2.Ask) -> Iterator[Check]:
    """The module, its devices and Secure Boot, as far as they are well."""
    module = v4l2.module(machine.root)
    if module.loaded:
        told = ("exclusive_caps", "max_buffers")
        options = ", ".join(f"{n}={module.parameters[n]}" for n in told if n in module.parameters)
        found = " ".join(filter(None, ("v4l2loopback", module.version)))
        yield Check(
            _TOPIC, "module", "ok", f"{found}, loaded" + (f" with {options}" * bool(options))
        )
    elif module.installed:
        found = " ".join(filter(None, ("v4l2loopback", module.version)))
        yield Check(_TOPIC, "module", "ok", f"{found}, installed")
    for device in filter(v4l2.is_loopback, v4l2.devices(machine.root, ask)):
        carries = v4l2.format_of(device.number, machine.root)
        size = f", {carries.width} x {carries.height} at {carries.fps:g}" if carries else ""
        yield Check(_TOPIC, "device", "ok", f"{device.path} '{device.label}'{size}")
    secure = v4l2.secure_boot(machine.root)
    if secure is not None:
        found = "on: only signed modules load" if secure else "off"
        yield Check(_TOPIC, "Secure Boot", "ok", found)
