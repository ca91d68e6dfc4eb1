"""The learned half of the generator: its weights, and what would compute it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.config import GeneratorConfig
from streamer.doctor.check import Check, Status
from streamer.doctor.child import Finding, findings
from streamer.doctor.inference import has_gpu
from streamer.doctor.machine import Machine

if TYPE_CHECKING:
    from streamer.engine.stock import Installed

_TOPIC = "Inference"
_LIMIT_S = 40
"""Torch may have to be loaded from a cold disk."""
_ORDER = ("tensorrt", "torch", "openvino")
"""Of engines on a GPU, which the fastest are expected of; then those of the processor."""


def check_weights(config: GeneratorConfig) -> list[Check]:
    """Whether the refiner has learned anything."""
    from streamer.engine.stock import installed  # noqa: PLC0415  (one of its libraries may lack)

    if config.refiner == "off":
        return [Check(_TOPIC, "refiner weights", "ok", "not needed: generator.refiner is off")]
    sizes = installed(None if config.weights is None else Path(config.weights))
    usable = [one for one in sizes if not one.problem]
    if config.refiner != "auto":
        return [_weights(next(one for one in sizes if one.size == config.refiner), "fail")]
    damaged = [one for one in sizes if one.problem and one.path.is_file()]
    checks = [_weights(one, "warn") for one in damaged]
    if usable:
        names = ", ".join(f"{one.size.upper()} {one.digest[:12]}" for one in usable)
        return [*checks, Check(_TOPIC, "refiner weights", "ok", names)]
    if config.weights is not None and not damaged:
        return [_weights(sizes[0], "warn")]
    if damaged:
        return checks
    found = "none are installed: the picture is warped, and not refined"
    return [Check(_TOPIC, "refiner weights", "ok", found)]


def _weights(one: "Installed", bad: Status) -> Check:
    if not one.problem:
        return Check(_TOPIC, "refiner weights", "ok", f"{one.size.upper()} {one.digest[:12]}")
    what, _, fix = one.problem.partition("; ")
    return Check(_TOPIC, "refiner weights", bad, f"{one.size.upper()}: {what}", fix)


def check_engine(machine: Machine, config: GeneratorConfig) -> list[Check]:
    """What would compute it, as far as can be told without a test of each.

    Libraries are loaded in another process. `vivant run` tests engines and takes the fastest.
    """
    if config.refiner == "off":
        return [Check(_TOPIC, "engine", "ok", "not needed: generator.refiner is off")]
    found, code = findings(machine, "engines", _LIMIT_S)
    if not found:
        why = f"loading the libraries ended with exit code {code}"
        return [Check(_TOPIC, "engine", "warn", f"could not be checked: {why}")]
    wanted = [one for one in found if config.engine in ("auto", one["backend"])]
    usable = sorted((one for one in wanted if not one["refused"]), key=_rank)
    if not usable:
        what, fix = _refusal(wanted)
        bad: Status = "warn" if config.engine == "auto" else "fail"
        return [Check(_TOPIC, "engine", bad, f"generator.engine {config.engine}: {what}", fix)]
    best = usable[0]
    words = f"{best['name']} ({best['library']}), if it passes its test"
    idle = [one for one in found if one["refused"] and one["backend"] in {"tensorrt", "torch"}]
    if config.engine == "auto" and not best["gpu"] and idle and has_gpu(machine):
        what, fix = _refusal(idle)
        return [Check(_TOPIC, "engine", "warn", f"{words}; the GPU is not used: {what}", fix)]
    return [Check(_TOPIC, "engine", "ok", words)]


def _rank(one: Finding) -> tuple[bool, int]:
    on_cpu = not one["gpu"]
    return on_cpu, -_ORDER.index(one["backend"]) if on_cpu else _ORDER.index(one["backend"])


def _refusal(found: Sequence[Finding]) -> tuple[str, str]:
    """What is in the way of the first, and what to do."""
    what, _, fix = str(found[0]["refused"]).partition("; ")
    return what, fix
