"""Which steps of the quality ladder a portrait can be drawn on: those whose engine is there."""

from collections.abc import Callable, Iterator, Sequence
from time import process_time_ns

from streamer.clock import MS, Clock, monotonic_ns
from streamer.config import Config
from streamer.engine.choose import Choice, Shapes
from streamer.errors import EngineError
from streamer.generator.bench import Bench
from streamer.generator.composite import WarpGenerator
from streamer.generator.ladder import Level, levels_of
from streamer.generator.refined import Painter, RefinedGenerator
from streamer.generator.sights import shapes_of, sight_of
from streamer.generator.workshop import Workshop
from streamer.retarget.presence import neutral_motion

_TIMES = 3
"""How often the warp is timed."""
_WARP = "mesh warp on the CPU"


class Steps:
    """The ladder of a run, its engines, and what each portrait asks of them. Any thread may ask.

    Without a refiner every step is there at once, and nothing is ever opened.
    """

    def __init__(self, config: Config, changed: Callable[[], None], workshop: Workshop) -> None:
        """`changed` is called when an engine has come or gone; EngineError as by `levels_of`."""
        self.levels = levels_of(config.generator)
        """best first"""
        self._config, self._changed, self._workshop = config, changed, workshop
        self._bench: Bench | None = None
        self._shapes: dict[tuple[str, int], Shapes] = {}
        self._canvas = (0, 0)

    @property
    def plain(self) -> int:
        """The best step without a refiner."""
        return next(i for i, level in enumerate(self.levels) if level.refinement is None)

    def begin(
        self, warp: WarpGenerator, canvas: tuple[int, int], clock: Clock = monotonic_ns
    ) -> None:
        """Time the warp and make room for engines; `canvas` is the run's (width, height)."""
        self._canvas = canvas
        if self.plain == 0:
            return
        room_ms = None
        if self._config.generator.refiner == "auto":
            room_ms = self._config.latency.generate_ms - _warp_ms(warp, clock)
        self._bench = self._workshop.bench(self._config.generator, room_ms, self._changed)

    def close(self) -> None:
        """Leave the engines, once nobody draws any more."""
        if self._bench is not None:
            self._bench.close()

    def meet(self, name: str, warp: WarpGenerator) -> None:
        """See what a portrait, at its full size, asks of engines."""
        if self._bench is None:
            return
        for index, level in enumerate(self.levels):
            if level.refinement is not None and (name, index) not in self._shapes:
                self._shapes[name, index] = shapes_of(warp, level.refinement, self._canvas)

    def usable(self, name: str, level: int) -> bool:
        """Whether the portrait can be drawn on this step now."""
        return self.levels[level].refinement is None or self._choice(name, level) is not None

    def served(self, name: str, level: int) -> int:
        """The step it is drawn on when this one is asked for: the next that is usable."""
        level = min(max(level, 0), len(self.levels) - 1)
        return next(i for i in range(level, len(self.levels)) if self.usable(name, i))

    def beside(self, name: str, level: int) -> int:
        """The step to have ready beside this one: the next below it, else above."""
        if level + 1 < len(self.levels):
            return self.served(name, level + 1)
        return next((i for i in range(level - 1, -1, -1) if self.usable(name, i)), level)

    def ask(self, names: Sequence[str], level: int) -> None:
        """Have those engines opened that portraits need for this step and the next ones."""
        bench, more = self._bench, True
        while bench is not None and more:  # an answer that is there at once lets more be asked for
            wanted = [shapes for name in names for shapes in self._missing(name, level)]
            more = bench.want(list(dict.fromkeys(wanted)))

    def pending(self, name: str, level: int) -> bool:
        """Whether an engine that the portrait could need is still to come."""
        return any(self._missing(name, level))

    def painter(self, name: str, level: int, warp: WarpGenerator) -> Painter:
        """What draws the portrait on a usable step."""
        kind, choice = self.levels[level].refinement, self._choice(name, level)
        if kind is None or choice is None or self._bench is None:
            return warp
        facts = choice.facts
        try:
            sight = sight_of(warp, kind, facts.contract, choice.embed, facts.digest)
        except EngineError as error:
            self._bench.failed(choice.engine, error)
            return warp
        show = self._config.generator.show
        return RefinedGenerator(warp, choice.engine, sight, self._bench.failed, show)

    def label(self, name: str) -> str:
        """What draws this portrait at its best, and why nothing better does, for a person."""
        if self._config.generator.refiner == "off":
            return f"{_WARP}: the refiner is off"
        if self._bench is None:
            return f"{_WARP}: no trained refiner is installed"
        best, reasons = "", list[str]()
        for index in range(self.plain):
            shapes = self._shapes.get((name, index))
            answer = None if shapes is None else self._bench.find(shapes)
            if isinstance(answer, Choice):
                best = answer.line
                break
            what = self.levels[index].name
            reasons.append(f"{what} {answer or 'is not ready yet'}")
        return "; ".join([f"{_WARP}, {best}" if best else _WARP, *reasons])

    def _choice(self, name: str, level: int) -> Choice | None:
        shapes = self._shapes.get((name, level))
        if shapes is None or self._bench is None:
            return None
        answer = self._bench.find(shapes)
        return answer if isinstance(answer, Choice) else None

    def _missing(self, name: str, level: int) -> Iterator[Shapes]:
        """Engines to be opened for a portrait, in order.

        Where the settings leave the size open, the smallest comes first, since it is there first,
        and none is tried that is larger than one that is too slow. Else the one that is asked for
        comes first, and then the next to fall back on.
        """
        steps = [i for i in range(self.plain) if (name, i) in self._shapes]
        if self._config.generator.refiner != "auto":
            yield from self._first_unknown(name, [i for i in steps if i >= level], enough=2)
            return
        whole, parts = ([i for i in steps if _is_part(self.levels[i]) == k] for k in (False, True))
        yield from self._first_unknown(name, whole[::-1])
        yield from self._first_unknown(name, parts)

    def _first_unknown(
        self, name: str, steps: Sequence[int], enough: int | None = None
    ) -> Iterator[Shapes]:
        """The first step nothing is known of; none once `enough` are there.

        Without `enough` as many as can be are wanted, up to the first that is refused.
        """
        there = 0
        for index in steps:
            shapes = self._shapes[name, index]
            answer = None if self._bench is None else self._bench.find(shapes)
            if answer is None:
                yield shapes
                return
            there += isinstance(answer, Choice)
            if there == enough or (enough is None and isinstance(answer, str)):
                return


def _is_part(level: Level) -> bool:
    return level.refinement is not None and level.refinement.parts


def _warp_ms(warp: WarpGenerator, clock: Clock, cpu: Clock = process_time_ns) -> float:
    """What one picture takes without a refiner, undisturbed.

    Never more than its work: other programs take time, but that is not this process' work.
    """
    spent: list[int] = []
    for _ in range(_TIMES):
        begun_ns, before_ns = clock(), cpu()
        warp.generate(neutral_motion())
        spent += [clock() - begun_ns, cpu() - before_ns]
    return min(spent) / MS
