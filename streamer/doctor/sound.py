"""Microphones, for recordings."""

from streamer.config import RecordConfig
from streamer.doctor.check import Check
from streamer.doctor.child import findings
from streamer.doctor.machine import Machine

_TOPIC = "Sound"
_LIMIT_S = 15
_OFF = "or record without: --set record.microphone=false"


def check_microphones(machine: Machine, config: RecordConfig) -> list[Check]:
    """Those that PortAudio lists; none is opened. Asked in another process, which may chatter."""
    if config.microphone is False:
        return [Check(_TOPIC, "microphone", "ok", "off: record.microphone is false")]
    found, code = findings(machine, "microphones", _LIMIT_S)
    problem = next((str(line["problem"]) for line in found if "problem" in line), "")
    if code != 0 or problem:
        why = problem or f"exit code {code}"
        found_text = f"PortAudio cannot be used ({why}): recordings have no sound"
        return [Check(_TOPIC, "microphone", "warn", found_text, _remedy(machine))]
    names = [str(line["microphone"]) for line in found if "microphone" in line]
    if names:
        return [Check(_TOPIC, "microphone", "ok", _listed(names))]
    fix = f"plug one in, {_OFF}"
    return [Check(_TOPIC, "microphone", "warn", "none: recordings have no sound", fix)]


def _listed(names: list[str]) -> str:
    """The first few: ALSA has a dozen names for each."""
    few = names[:3]
    return ", ".join(few) + (f" and {len(names) - len(few)} more" if len(names) > len(few) else "")


def _remedy(machine: Machine) -> str:
    if machine.platform == "linux":
        dnf = machine.which("dnf") and not machine.which("apt-get")
        install = "dnf install -y portaudio" if dnf else "apt-get install -y libportaudio2"
        return f"run: sudo {install} ({_OFF})"
    return f"run: python -m pip install --force-reinstall sounddevice ({_OFF})"
