"""The engines of all runs of a process: opened in the background, once each, and shared."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

from streamer.config import GeneratorConfig
from streamer.engine.build import BuildStoppedError, Watch
from streamer.engine.choose import Choice, Shapes, choose_engine
from streamer.engine.protocol import Engine
from streamer.errors import EngineError
from streamer.generator.batch import Share, SharedEngine, batches
from streamer.generator.bench import Bench
from streamer.generator.supply import Choose, Order, opened, opened_larger

_CLOSE_S = 0.9
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the engines of a process do."""

    engines: int = 0
    """that are open"""
    runs: Mapping[int, int] = field(default_factory=dict[int, int])
    """since the start, by batch"""
    pictures: int = 0
    """made by these, without the padding"""


@dataclass(eq=False, slots=True)
class _Made:
    """What came of opening an engine."""

    order: Order
    answer: Choice | str
    """or why there is none"""
    engine: SharedEngine | None = None
    """None = there is none, or nobody uses it"""
    askers: set[Bench] = field(default_factory=set[Bench])
    """who was told"""
    users: set[Bench] = field(default_factory=set[Bench])
    grows: bool = True
    """whether larger batches can be opened, as far as one knows"""

    @property
    def missing(self) -> int | None:
        """The next larger batch that so many users should have; None when they have all."""
        if self.engine is None or self.engine.is_full or not self.grows:
            return None
        wanted, there = batches(self.engine.facts, len(self.users)), self.engine.batches
        return next((batch for batch in wanted if batch > there[-1]), None)


class Workshop:
    """Opens the engines that runs want, one after the other on a thread of its own.

    An engine is opened and timed once, however many runs draw with it, and closed with the last of
    them. Any thread may ask. The thread ends when no run is left.
    """

    def __init__(self, choose: Choose = choose_engine) -> None:
        self._choose = choose
        self._changed = threading.Condition()
        self._benches: list[Bench] = []
        self._made: dict[Order, _Made] = {}
        self._thread: threading.Thread | None = None
        self._runs: Counter[int] = Counter()
        self._pictures = 0

    def figures(self) -> Figures:
        """How it does now."""
        with self._changed:
            open_ones = [made.engine for made in self._made.values() if made.engine is not None]
            counts = [one.counts for one in open_ones]
            runs = sum((one for one, _ in counts), self._runs)
            pictures = self._pictures + sum(many for _, many in counts)
            return Figures(sum(len(one.batches) for one in open_ones), dict(runs), pictures)

    def bench(
        self, config: GeneratorConfig, room_ms: float | None, changed: Callable[[], None]
    ) -> Bench:
        """For one run, which closes it.

        To this run an engine that takes longer than `room_ms` for a frame is refused; None = none
        is. `changed` is called whenever there is an answer, on whatever thread.
        """
        bench = Bench(self, config, room_ms, changed)
        with self._changed:
            self._benches.append(bench)
        return bench

    def want(self, bench: Bench, queue: Sequence[Shapes]) -> bool:
        """As `Bench.want`."""
        with self._changed:
            if bench not in self._benches:
                return False
            bench.queue = tuple(queue)
            bench.asked.update(queue)
            told = [shapes for shapes in queue if self._tell(bench, bench.order(shapes))]
            if len(told) < len(queue) and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="engines")
                self._thread.start()
            self._changed.notify_all()
        if told:
            bench.changed()
        return bool(told)

    def opened(self, bench: Bench, shapes: Shapes) -> Choice:
        """As `Bench.opened`."""
        with self._changed:
            bench.asked.add(shapes)
            there = self._tell(bench, bench.order(shapes))
        if not there:
            self._keep(bench.order(shapes), self._open(bench, shapes))
        answer = bench.answers[shapes]
        if isinstance(answer, str):
            raise EngineError(answer)
        return answer

    def failed(self, bench: Bench, engine: Engine, error: EngineError) -> None:
        """As `Bench.failed`."""
        with self._changed:
            order = bench.order_of(engine)
            if order is None:
                return  # it is known
            made = self._made[order]
            lost = made.engine is not None and made.engine.is_lost
            told = list(made.users) if lost else [bench]
            left = [one.lose(order.shapes, f"failed while it ran: {error}") for one in told]
            made.users.difference_update(told)
            closed = self._emptied(made)
            if lost:  # whoever comes now may try again
                del self._made[order]
        _log.warning("%s failed, the warp goes on without it: %s", order.title, error)
        _close([*chain(*left), *closed])
        for one in told:
            one.changed()

    def leave(self, bench: Bench) -> None:
        """As `Bench.close`."""
        with self._changed:
            if bench not in self._benches:
                return
            self._benches.remove(bench)
            left, closed = bench.emptied(), list[SharedEngine]()
            for made in self._made.values():
                made.askers.discard(bench)
                made.users.discard(bench)
                closed += self._emptied(made)
            self._made = {key: made for key, made in self._made.items() if made.askers}
            thread = None if self._benches else self._thread
            self._changed.notify_all()
        _close([*left, *closed])
        if thread is not None:
            thread.join(_CLOSE_S)

    def _work(self) -> None:
        while (todo := self._next()) is not None:
            bench, what = todo
            if isinstance(what, _Made):
                self._grow(bench, what)
            else:
                self._answer(bench, what)

    def _next(self) -> tuple[Bench, Shapes | _Made] | None:
        """Wait for something to do, and for whom; None when no run is left."""
        with self._changed:
            while self._benches:
                self._reconsider()
                if todo := next(self._unanswered(), None) or next(self._growing(), None):
                    return todo
                pauses = (bench.patience.wait_s() for bench in self._benches)
                self._changed.wait(min((one for one in pauses if one is not None), default=None))
            self._thread = None
        return None

    def _reconsider(self) -> None:
        """Forget refusals that a busy moment may be to blame for: they are opened and timed again.

        Not those of engines that another run uses, which has more room for them.
        """
        for bench in self._benches:
            while (shapes := bench.patience.due()) is not None:
                made = self._made.get(bench.order(shapes))
                if made is None or made.engine is None:
                    self._made.pop(bench.order(shapes), None)
                    bench.answers.pop(shapes, None)
                    bench.queue = (*bench.queue, shapes)

    def _unanswered(self) -> Iterator[tuple[Bench, Shapes]]:
        """What is most urgent to each of the runs, and so on."""
        for rank in zip_longest(*(bench.queue for bench in self._benches)):
            for bench, shapes in zip(self._benches, rank, strict=True):
                if shapes is not None and shapes not in bench.answers:
                    yield bench, shapes

    def _growing(self) -> Iterator[tuple[Bench, _Made]]:
        """Engines that want a larger batch, since several runs use them."""
        for made in self._made.values():
            if made.missing is not None:
                yield next(iter(made.users)), made

    def _answer(self, bench: Bench, shapes: Shapes) -> None:
        order = bench.order(shapes)
        try:
            answer = self._open(bench, shapes)
        except BuildStoppedError:
            return  # nobody wants it any more
        except EngineError as error:
            answer = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the warp goes on without it
            answer = repr(error)
        if isinstance(answer, str):
            _log.warning("%s cannot be used: %s", order.title, answer)
        for one in self._keep(order, answer):
            one.changed()

    def _open(self, bench: Bench, shapes: Shapes) -> Choice:
        order = bench.order(shapes)

        def stopped() -> bool:
            with self._changed:
                return not any(one.asks(order) for one in self._benches)

        return opened(self._choose, bench.config, shapes, Watch(stopped=stopped))

    def _keep(self, order: Order, answer: Choice | str) -> list[Bench]:
        """Tell all who asked; who they are."""
        engine = SharedEngine(answer.engine) if isinstance(answer, Choice) else None
        closed = [] if engine is None else [engine]
        with self._changed:
            made = self._made.setdefault(order, _Made(order, answer))
            if made.engine is None:
                made.answer, made.engine, made.grows = answer, engine, True
                closed = list[SharedEngine]()
            told = [bench for bench in self._benches if self._tell(bench, order)]
            closed += self._emptied(made)
            if not made.askers:
                del self._made[order]
        _close(closed)
        return told

    def _tell(self, bench: Bench, order: Order) -> bool:
        """Give a run the answer that it asked for, if there is one and it has none."""
        made = self._made.get(order)
        if made is None or not bench.asks(order) or order.shapes in bench.answers:
            return False
        answer = made.answer
        if isinstance(answer, Choice):
            reason = bench.refusal(answer, order)
            if not reason and made.engine is None:
                return False  # nobody used it, so it was closed; it is opened again
            if made.engine is not None and not reason:
                made.users.add(bench)
                answer = replace(answer, engine=Share(made.engine))
            answer = reason or answer
        made.askers.add(bench)
        bench.answers[order.shapes] = answer
        return True

    def _grow(self, bench: Bench, made: _Made) -> None:
        """Open the next larger batch, while the runs go on with what is there."""
        with self._changed:
            engine, batch = made.engine, made.missing
        if engine is None or batch is None:
            return
        watch, added = Watch(stopped=lambda: not made.users), False
        try:
            shapes, facts = made.order.shapes, engine.facts
            larger = opened_larger(self._choose, bench.config, shapes, batch, facts, watch)
            added = engine.add(larger.engine)
        except EngineError as error:
            _log.info("%s makes no %d pictures at once: %s", made.order.title, batch, error)
        except Exception as error:  # noqa: BLE001 - the runs go on without it
            _log.warning("%s makes no %d pictures at once: %r", made.order.title, batch, error)
        with self._changed:
            made.grows = added

    def _emptied(self, made: _Made) -> list[SharedEngine]:
        """What is to be closed: the engine, when nobody uses it."""
        if made.users or made.engine is None:
            return []
        unused, made.engine = made.engine, None
        runs, pictures = unused.counts
        self._runs += runs
        self._pictures += pictures
        return [unused]


def _close(engines: Sequence[Engine | SharedEngine]) -> None:
    for engine in engines:
        engine.close()
