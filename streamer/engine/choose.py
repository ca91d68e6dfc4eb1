"""Which engine makes the pictures: the one that was asked for, or the fastest that computes right.

Nothing is left out silently: the choice says why each of the others was refused.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from engines.contract import Contract
from engines.weights import Weights
from streamer.config import GeneratorConfig
from streamer.engine.build import BuildStoppedError, Watch
from streamer.engine.cards import driver_version
from streamer.engine.check import Judge, Verdict
from streamer.engine.embedder import Embed, embedder_of
from streamer.engine.protocol import Engine, EngineFacts
from streamer.engine.ways import Way, all_ways, open_way
from streamer.errors import EngineError

Opener = Callable[[Way, Contract, Weights, Watch], Engine]
_SLOWER = "not tried: a kind that is faster as a rule has passed"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Of the graph, by where it runs."""

    picture: Contract
    """on a processor, which has drawn the picture"""
    source: Contract | None = None
    """on an NVIDIA GPU, which draws it, too; None = as on a processor"""

    def on(self, way: Way) -> Contract:
        """What this way computes."""
        return self.source if way.is_gpu and self.source is not None else self.picture


@dataclass(frozen=True, slots=True)
class Refusal:
    """An engine that was not chosen."""

    name: str
    """as `openvino/CPU/f32`"""
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine and how it came to be."""

    engine: Engine
    """open; whoever gets the choice closes it"""
    facts: EngineFacts
    """with the time of a picture"""
    refused: tuple[Refusal, ...]
    """in the order in which they were tried"""
    embed: Embed | None = None
    """the embedder of the engine's weights; None = they have none, and FiLM numbers are 0"""

    @property
    def line(self) -> str:
        """For the start-up table: what runs, how fast, and why the others do not."""
        others = [f"{one.name}: {one.reason}" for one in self.refused]
        return "; ".join([self.facts.line, *self.facts.notes, *others])


def choose_engine(
    config: GeneratorConfig,
    weights: Weights,
    shapes: Shapes,
    watch: Watch | None = None,
    *,
    ways: Sequence[Way] | None = None,
    opener: Opener = open_way,
) -> Choice:
    """Open the engine that the settings ask for. Blocks: TensorRT builds for minutes, once.

    `auto` opens, tests and times those that can be expected to be fastest and keeps the best.
    EngineError when what was asked for is not here or computes wrongly, or with `auto` when
    nothing computes rightly. BuildStoppedError when `watch` asked to stop.
    """
    known = _asked(list(all_ways() if ways is None else ways), config)
    embed = embedder_of(weights)
    search = _Search(weights, shapes, watch or Watch(), opener)
    tiers, left = _tiers(known, config)
    search.refused += left
    for at, tier in enumerate(tiers):
        best = search.best(tier)
        if best is not None:
            rest = [way for later in tiers[at + 1 :] for way in later]
            search.refused += [Refusal(_name(way), _SLOWER) for way in rest]
            return _told(Choice(*best, tuple(search.refused), embed))
    reasons = "; ".join(f"{one.name}: {one.reason}" for one in search.refused)
    raise EngineError(f"generator.engine {config.engine}: nothing can run the refiner: {reasons}")


def first_choices(config: GeneratorConfig, ways: Sequence[Way]) -> list[Way]:
    """Those that a run opens and compares before any other; none where nothing can run.

    EngineError as by `choose_engine`.
    """
    tiers, _ = _tiers(_asked(list(ways), config), config)
    return tiers[0] if tiers else []


def _asked(ways: list[Way], config: GeneratorConfig) -> list[Way]:
    """Those that the settings allow. EngineError when none of them can be used."""
    found = [way for way in ways if config.engine in ("auto", way.backend)]
    if config.device is not None:
        found = _on_device(found, config.device)
    if config.engine != "auto" and all(way.refused for way in found):
        reason = found[0].refused if found else "there is none"
        raise EngineError(f"generator.engine {config.engine}: {reason}")
    return found


def _on_device(ways: Sequence[Way], device: str) -> list[Way]:
    """Those on the device that is called so. EngineError when there is none."""
    found = [way for way in ways if _is_on(way, device) and not way.refused]
    if found:
        return found
    if device.lower().startswith("cuda"):
        reason = next((way.refused for way in ways if way.refused and _may_be_cuda(way)), "")
        if reason:
            raise EngineError(f"generator.device {device}: {reason}")
    there = sorted({_titled(way) for way in ways if way.device and not way.refused})
    raise EngineError(
        f"generator.device {device}: there is no such device; there are "
        f"{', '.join(there) or 'none'}"
    )


def _may_be_cuda(way: Way) -> bool:
    return way.is_gpu or (way.backend != "openvino" and not way.device)


def _is_on(way: Way, device: str) -> bool:
    """Whether the device is called so: by its whole name, its family or a part of its title."""
    own, wanted = way.device.lower(), device.lower()
    family = own.replace(":", ".").partition(".")[0]
    return wanted in (own, family) or (bool(way.hardware) and wanted in way.hardware.lower())


def _titled(way: Way) -> str:
    return f"{way.device} ({way.hardware})" if way.hardware else way.device


def _tiers(ways: Sequence[Way], config: GeneratorConfig) -> tuple[list[list[Way]], list[Refusal]]:
    """Those to be tried together, the fastest kind first; and those that will not be tried."""
    refused = [Refusal(_name(way), way.refused) for way in ways if way.refused]
    usable = [way for way in ways if not way.refused]
    card = next((way.device for way in usable if way.is_gpu), None)
    tiers: dict[int, list[Way]] = {}
    for way in usable:
        if way.is_gpu and config.device is None and way.device != card:
            refused.append(Refusal(_name(way), f"{card} is taken; name it in generator.device"))
        else:
            tiers.setdefault(_tier(way, usable), []).append(way)
    return [tiers[key] for key in sorted(tiers)], refused


def _tier(way: Way, ways: Sequence[Way]) -> int:
    """Recorded or built for a GPU; by OpenVINO; the same in full precision; as a last resort."""
    if way.is_gpu:
        quick = way.precision == "fp16" and (way.graph or way.backend == "tensorrt")
        return 0 if quick else 3
    if way.backend != "openvino":
        return 4
    best = next(one for one in ways if (one.backend, one.device) == (way.backend, way.device))
    return 1 if way is best else 2


class _Search:
    """Opens engines, keeps the best, and the reasons against the others."""

    def __init__(self, weights: Weights, shapes: Shapes, watch: Watch, opener: Opener) -> None:
        self.refused: list[Refusal] = []
        self._weights, self._shapes, self._watch, self._open = weights, shapes, watch, opener
        self._judge = Judge(weights)

    def best(self, tier: Sequence[Way]) -> tuple[Engine, EngineFacts] | None:
        """The fastest of these that passes; None if none does."""
        with ExitStack() as stack:
            passed: list[tuple[float, Way, Engine, EngineFacts]] = []
            for way in tier:
                tried = self._tried(way, stack)
                if tried is not None:
                    engine, verdict = tried
                    passed.append((verdict.facts.ms or 0.0, way, engine, verdict.facts))
            passed.sort(key=lambda one: one[0])
            for ms, way, engine, _ in passed[1:]:
                engine.close()
                self.refused.append(Refusal(_name(way), f"slower, {ms:.1f} ms a picture"))
            stack.pop_all()
        return None if not passed else (passed[0][2], passed[0][3])

    def _tried(self, way: Way, stack: ExitStack) -> tuple[Engine, Verdict] | None:
        """The engine and what is thought of it; None when it was refused, and closed."""
        with ExitStack() as own:
            try:
                engine = self._open(way, self._shapes.on(way), self._weights, self._watch)
                own.callback(engine.close)
                verdict = self._judge.verdict(engine)
            except BuildStoppedError:
                raise
            except EngineError as error:
                self.refused.append(Refusal(_name(way), str(error)))
                return None
            if verdict.problem:
                self.refused.append(Refusal(_name(way), verdict.problem))
                return None
            stack.push(own.pop_all())
        return engine, verdict


def _name(way: Way) -> str:
    return way.name if way.device else way.backend


def _told(choice: Choice) -> Choice:
    """The same, in the log: as a warning where a GPU is there and is not used."""
    idle = driver_version() is not None and "cuda" not in choice.facts.device
    _log.log(logging.WARNING if idle else logging.INFO, "engine: %s", choice.line)
    return choice
