"""ONNX graph -> engine file, by TensorRT: on a thread, with its progress told, to be stopped.

The graph says itself what is computed in FP16: the network is strongly typed, and no flag of the
builder changes precision. With TensorRT for RTX no GPU is needed to build.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

from streamer.engine.cuda import GpuFullError
from streamer.engine.library import Foreign, Library
from streamer.errors import EngineError


class BuildStoppedError(EngineError):
    """The build was stopped because it was asked to."""


def _silent(what: str, part: float) -> None:
    """Nobody looks."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while an engine is made."""

    progress: Callable[[str, float], None] = _silent
    """is told what is done and how much of it (0 to 1); from another thread, often"""
    stopped: Callable[[], bool] = _never
    """asked often; True ends the build, as `Event.is_set` does"""

    def demand_going_on(self) -> None:
        """BuildStoppedError when it was asked to stop."""
        if self.stopped():
            raise BuildStoppedError("the engine's build was stopped")


def build(library: Library, onnx: bytes, capability: str | None, watch: Watch) -> bytes:
    """The engine file. Blocks for seconds, other Python threads run meanwhile.

    `capability` is that of the GPU it is for, as `8.9`; None = of the GPU at hand. EngineError in
    the library's own words, GpuFullError when the GPU has no room to try in; BuildStoppedError when
    it was asked to stop.
    """
    watch.demand_going_on()
    trt = library.module
    builder = library.make("Builder")
    network = builder.create_network(_typed(trt))
    parser = trt.OnnxParser(network, library.logger)
    if not parser.parse(onnx):
        reasons = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        reason = " ".join((reasons or [library.words.take("no reason given")])[0].split())[:400]
        raise EngineError(f"{library.title} does not take the graph: {reason}")
    config = builder.create_builder_config()
    _configure(library, config, capability)
    config.progress_monitor = _monitor(trt, watch)
    serialized = builder.build_serialized_network(network, config)
    if serialized is not None:
        return bytes(serialized)
    watch.demand_going_on()
    reason = library.words.take("no reason given")
    kind = GpuFullError if "out of memory" in reason.lower() else EngineError
    raise kind(f"{library.title} cannot build the engine: {reason}")


def _typed(trt: ModuleType) -> int:
    """The flag that makes a network strongly typed, for versions where not all are."""
    flags = getattr(trt, "NetworkDefinitionCreationFlag", None)
    flag = getattr(flags, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _configure(library: Library, config: Foreign, capability: str | None) -> None:
    trt = library.module
    flag = getattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION", None)
    if flag is not None:  # else large buffers may be allocated while running: no CUDA graph then
        config.set_flag(flag)
    known = getattr(trt, "ComputeCapability", None)
    if known is None:
        return
    target = known.CURRENT
    if capability is not None and library.knows(capability):
        target = getattr(known, f"SM{capability.replace('.', '')}")
    config.num_compute_capabilities = 1
    config.set_compute_capability(target, 0)


@dataclass(slots=True)
class _Phase:
    parent: str | None
    steps: int
    done: int = 0
    inner: float = 0.0
    """how much of the step at hand is done, 0 to 1"""

    @property
    def part(self) -> float:
        return min(1.0, (self.done + self.inner) / max(1, self.steps))


@dataclass(slots=True)
class Progress:
    """Phases within phases as one figure that never goes back; told once for each percent."""

    tell: Callable[[str, float], None]
    _phases: dict[str, _Phase] = field(default_factory=dict[str, _Phase])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shown: int = 0
    """percent"""

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins, within another or on its own."""
        with self._lock:
            self._phases[name] = _Phase(parent if parent in self._phases else None, steps)

    def step(self, name: str, number: int) -> None:
        """Step `number` of a phase is done."""
        with self._lock:
            phase = self._phases.get(name)
            if phase is not None:
                phase.done, phase.inner = number + 1, 0.0
                self._pass_on(phase)

    def finish(self, name: str) -> None:
        """A phase is over, whatever steps it had left."""
        with self._lock:
            phase = self._phases.pop(name, None)
            if phase is not None:
                phase.done = phase.steps
                self._pass_on(phase)

    def _pass_on(self, phase: _Phase) -> None:
        while phase.parent is not None and phase.parent in self._phases:
            outer = self._phases[phase.parent]
            outer.inner = max(outer.inner, min(1.0, phase.part))
            phase = outer
        percent = int(100 * phase.part)
        if phase.parent is None and percent > self._shown:
            self._shown = percent
            self.tell("building the engine", percent / 100)


def _monitor(trt: ModuleType, watch: Watch) -> Foreign:
    """What the library reports to. The class is its own, so it is made here."""
    progress = Progress(watch.progress)

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress.step(phase_name, step)
            return not watch.stopped()

    return Monitor()
