"""What `vivant engines build` compiles: just the engines that a run with a portrait would open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from streamer.errors import ConfigError

if TYPE_CHECKING:
    from engines.contract import Contract
    from streamer.commands.enginebench import Order
    from streamer.config import Config
    from streamer.engine.sweep import Case
    from streamer.engine.ways import Way
    from streamer.frame import Image
    from streamer.portrait import Portrait

Purpose = Literal["run", "serve"]
"""The command whose engines they are."""

NOTHING_KEPT = (
    "nothing here has to be built: OpenVINO compiles for the processor in less than a second, at "
    "each start; `vivant engines` tells what is missing for others"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Engines to be built, or why there are none."""

    cases: "list[Case]"
    nothing: str = ""


def planned(
    config: "Config", order: "Order", portraits: Sequence[str], purpose: Purpose = "run"
) -> Plan:
    """Those of the lists in `order`, if it has any; else those of the portraits.

    ConfigError when there are both, EngineError for an engine or weights that are not here,
    MediaError for a portrait that cannot be opened.
    """
    from streamer.commands.enginebench import cases_of
    from streamer.engine.choose import first_choices
    from streamer.engine.ways import all_ways, chosen

    if order.lists:
        if portraits:
            raise ConfigError(
                "--portrait: a portrait has its own nets, resolutions and batches; leave out "
                "--nets, --resolutions and --batches"
            )
        cases = [case for case in cases_of(order) if order.names or case.way.keeps]
        return Plan(cases, "" if cases else NOTHING_KEPT)
    if order.names:
        ways = chosen(all_ways(), order.names)
    else:
        ways = [way for way in first_choices(config.generator, all_ways()) if way.keeps]
    if not ways:
        return Plan([], NOTHING_KEPT)
    cases = cases_for(config, portraits, ways, purpose)
    return Plan(cases, "" if cases else _no_refiner(config))


def cases_for(
    config: "Config", portraits: Sequence[str], ways: "Sequence[Way]", purpose: Purpose
) -> "list[Case]":
    """One for each way, step of the quality ladder, and batch; portraits of the settings if none.

    The canvas is that of the sink or else of the first portrait, as in the run, or the server's.
    """
    from streamer.app import open_portrait
    from streamer.engine.sweep import Case
    from streamer.generator.ladder import levels_of
    from streamer.generator.opened import open_warp
    from streamer.generator.sights import shapes_of

    kinds = [level.refinement for level in levels_of(config.generator) if level.refinement]
    if not kinds:
        return []
    serves = purpose == "serve"
    faces = [open_portrait(name) for name in portraits or _usual(config, serves=serves)]
    canvas = config.web.size if serves else _canvas(config, faces[0])
    found: dict[Case, None] = {}
    for face in faces:
        warp, _ = open_warp(config.generator, face, canvas, 1.0, _no_image)
        for kind in reversed(kinds):  # the smallest first, as in a run
            shapes = shapes_of(warp, kind, canvas)
            for way in ways:
                users = config.web.max_sessions if serves else 1
                found |= {Case(way, one): None for one in _batched(way, shapes.on(way), users)}
    return list(found)


def _usual(config: "Config", *, serves: bool) -> Sequence[str]:
    """The portraits of the settings: the one that a run begins with, all that a server offers."""
    from streamer.bundled import PORTRAITS

    if not serves:
        return (config.portrait,)
    others = PORTRAITS if config.portraits is None else config.portraits
    return tuple(dict.fromkeys((config.portrait, *others)))


def _canvas(config: "Config", first: "Portrait") -> tuple[int, int]:
    """Width and height of a run's pictures."""
    from streamer.generator.canvas import canvas_of
    from streamer.sink import choose_sink

    own = canvas_of(config.generator, first)
    return choose_sink(config.sink)[0].size or (own.width, own.height)


def _batched(way: "Way", contract: "Contract", users: int) -> "Iterator[Contract]":
    """The engine itself, and the same for as many runs at once as may share it."""
    from streamer.engine.protocol import EngineFacts
    from streamer.generator.batch import batches

    facts = EngineFacts(way.backend, way.device, way.precision, way.library, contract, "")
    for batch in batches(facts, users):
        yield replace(contract, batch=batch)


def _no_image() -> "Image":
    """What is behind the person is of no matter to an engine."""
    raise ConfigError("no background is drawn here")


def _no_refiner(config: "Config") -> str:
    off = config.generator.refiner == "off"
    why = "generator.refiner is off" if off else "no trained refiner is installed"
    return f"nothing has to be built: {why}, and the mesh warp needs no engine"
