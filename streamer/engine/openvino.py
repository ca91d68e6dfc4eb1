"""The refiner by OpenVINO: on the processor, and on Intel's graphics and neural units if listed."""

import logging
import os
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import openvino as ov

from engines.contract import Bytes, Contract, Refined, Still
from engines.weights import Weights
from streamer.engine.bound import BoundPortrait
from streamer.engine.feed import Chain, feed
from streamer.engine.protocol import Bound, Closing, EngineFacts, Job, Precision, lots
from streamer.engine.skeleton import halves, model_of
from streamer.errors import EngineError, StreamerError
from streamer.output import check_place, make_folder
from streamer.places import cache_folder

_TYPES: dict[Precision, str] = {"f32": "f32", "bf16": "bf16", "fp16": "f16"}
_log = logging.getLogger(__name__)


@cache
def core() -> ov.Core:
    """One for the process, as its makers advise: each one loads the plug-ins again."""
    return ov.Core()


def devices() -> tuple[str, ...]:
    """What OpenVINO can compute on here: CPU, GPU or GPU.0 and GPU.1, NPU."""
    return tuple(core().available_devices)


def best_precision(device: str) -> Precision:
    """bf16 where the processor multiplies it in hardware, else f32; fp16 on other devices.

    Never fp16 on a processor: OpenVINO does it there without AMX, slower than f32.
    """
    if device != "CPU":
        return "fp16"
    return "bf16" if "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def usual_threads() -> int:
    """How many threads a run takes unless told: one core is left to the rest of the pipeline."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min((cores or 1) - 1, 4))


class OpenVinoEngine(Closing):
    """A graph compiled for one device."""

    facts: EngineFacts

    def __init__(
        self,
        contract: Contract,
        weights: Weights,
        device: str = "CPU",
        *,
        precision: Precision | None = None,
        threads: int | None = None,
    ) -> None:
        """Compile it, in half a second to two. EngineError says what is in the way.

        `precision` and `threads` are chosen for the device when they are None.
        """
        kind = precision or best_precision(device)
        _check(device, kind)
        settings, notes = _settings(device, threads)
        graphs = _compiled(model_of(core(), contract, weights), contract, device, kind, settings)
        self._contract = contract
        self._chain: Chain | None = Chain.of(graphs)
        self._feed = feed(self._chain, contract)
        self.facts = EngineFacts(
            backend="openvino",
            device=device,
            precision=kind,
            library=f"openvino {ov.__version__.partition('-')[0]}",
            contract=contract,
            digest=weights.digest,
            notes=notes,
        )
        _log.info("engine: %s, %s", self.facts.line, self.facts.library)

    def bind(self, still: Still) -> Bound:
        """Bring a portrait to the device. Its arrays are copied. EngineError if they do not fit."""
        return BoundPortrait(self._contract, still)

    def run(self, jobs: Sequence[Job]) -> list[Refined]:
        """The pictures of the jobs, in order; the arrays are the caller's. Blocks."""
        pictures: list[Refined] = []
        for lot, count in lots(jobs, self._contract.batch):
            pictures += self._run(lot)[:count]
        return pictures

    def _run(self, lot: list[Job]) -> list[Refined]:
        chain = self._chain
        if chain is None:
            raise EngineError(f"engine {self._contract.name}: it is closed")
        self._feed(lot)
        try:
            chain.run()
        except RuntimeError as error:
            raise _lost(self.facts, error) from error
        pairs = zip(chain.result("refined"), chain.result("gates"), strict=True)
        return [Refined(cast("Bytes", picture), cast("Bytes", seen)) for picture, seen in pairs]

    def close(self) -> None:
        """Free the device. It may be called twice."""
        self._chain = None


def _check(device: str, precision: Precision) -> None:
    if device == "CPU" and precision == "fp16":
        raise ValueError("fp16 is not for processors: it is slower there than f32")
    there = devices()
    family = device.partition(".")[0]
    if device not in there and not any(one.startswith(f"{family}.") for one in there):
        raise EngineError(
            f"generator.device {device}: OpenVINO has no such device here; it has "
            f"{', '.join(there) or 'none'}"
        )


def _settings(device: str, threads: int | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """For the compiler, and what a person should be told about them."""
    if device == "CPU":
        return processor_settings(threads), ()
    folder, notes = _kept()
    return {"PERFORMANCE_HINT": "LATENCY"} | folder, notes


def processor_settings(threads: int | None = None) -> dict[str, Any]:
    """For the compiler, where a processor computes; without the precision."""
    # Compiling for a processor takes 0.2 s. What a cache saves of it is not worth the 5 to 30 MB
    # that it would keep for every size of picture.
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads or usual_threads(),
        # the tracker and the warp live on the same cores: let the system move threads
        "ENABLE_CPU_PINNING": False,
    }


def _kept() -> tuple[dict[str, Any], tuple[str, ...]]:
    """The setting that keeps compiled graphs on disk; without a place, none and a note."""
    folder = cache_folder() / "openvino"
    try:
        make_folder(folder)
        check_place(folder / "probe")
    except StreamerError as error:
        note = f"compiled graphs are not kept, so each start compiles again: {error}"
        _log.warning("%s", note)
        return {}, (note,)
    return {"CACHE_DIR": str(folder)}, ()


def _compiled(
    model: ov.Model, contract: Contract, device: str, precision: Precision, settings: dict[str, Any]
) -> list[ov.CompiledModel]:
    """The graph, or its two halves: coordinates need f32 whatever the refiner is computed in."""
    parts: list[tuple[ov.Model, Precision]] = [(model, precision)]
    if precision != "f32":
        first, second = halves(model, contract)
        parts = [(first, "f32"), (second, precision)]
    try:
        return [
            core().compile_model(
                part, device, settings | {"INFERENCE_PRECISION_HINT": _TYPES[kind]}
            )
            for part, kind in parts
        ]
    except RuntimeError as error:
        raise EngineError(f"OpenVINO cannot compile on {device}: {last_line(error)}") from error


def _lost(facts: EngineFacts, error: RuntimeError) -> EngineError:
    lost = EngineError(f"OpenVINO failed on {facts.device}: {last_line(error)}")
    lost.add_note(f"by {facts.line}; the engine is of no more use")
    return lost


def last_line(error: Exception) -> str:
    """The last line of OpenVINO's message: those before it are places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
