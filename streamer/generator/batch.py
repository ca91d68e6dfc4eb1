"""One engine for several runs: pictures that are wanted at the same time are made in one go.

Nobody waits for a batch to fill. Whoever finds the engine free runs it at once, on their own
thread; whoever comes meanwhile is in the next go, in the order of coming. A run asks for one
picture at a time, the newest: older ones were dropped in the slots of its pipeline. So nobody
waits longer than for one go of each other run, and where the batch holds all of them only for the
one that is under way.
"""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engines.contract import Refined, Still
from streamer.engine.protocol import Bound, Closing, Engine, EngineFacts, Job, frame_arrays
from streamer.engine.tensorrt import BATCHES, batch_for
from streamer.errors import EngineError
from streamer.generator.guest import Guest

_log = logging.getLogger(__name__)


def batches(facts: EngineFacts, users: int) -> tuple[int, ...]:
    """The batches to have for so many runs, smallest first; the first one is the engine's own.

    A GPU is not filled by one picture: there a go is padded to the next batch. A processor is: two
    pictures at once take it as long as one after the other, and the first of them would come later.
    So there is nothing but the engine's own batch there, and the runs take turns.
    """
    own = facts.contract.batch
    if "cuda" not in facts.device:
        return (own,)
    return (own, *(batch for batch in BATCHES if own < batch <= batch_for(own * users)))


@dataclass(eq=False, slots=True)
class _Call:
    """The jobs of one run that are waited for, and what becomes of them."""

    share: "Share"
    jobs: Sequence[tuple[Guest, Job]]
    made: list[Refined] = field(default_factory=list[Refined])
    error: EngineError | None = None
    over: bool = False

    def end(self, made: list[Refined], error: EngineError | None) -> None:
        self.made, self.error, self.over = made, error, True


class SharedEngine:
    """An engine, and the same with larger batches, for as many runs as take a share of it."""

    def __init__(self, engine: Engine) -> None:
        """It is closed here from now on."""
        self.facts = engine.facts
        self._runs: Counter[int] = Counter()
        self._pictures = 0
        self._engines = {engine.facts.contract.batch: engine}
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        """those that came first are first"""
        self._going: list[_Call] = []
        """those that are run just now"""
        self._lost: EngineError | None = None
        self._closed = self._full = False

    @property
    def counts(self) -> tuple[Counter[int], int]:
        """Since it is open: runs by batch, and the pictures made by them, without the padding."""
        with self._changed:
            return self._runs.copy(), self._pictures

    @property
    def batches(self) -> tuple[int, ...]:
        """Those that are open, smallest first."""
        with self._changed:
            return tuple(sorted(self._engines))

    @property
    def is_lost(self) -> bool:
        """Whether it failed while it ran, and is only to be closed."""
        return self._lost is not None

    @property
    def is_full(self) -> bool:
        """Whether there was no room for a portrait on a larger batch, so that none is of use."""
        return self._full

    def add(self, engine: Engine) -> bool:
        """Take the same one with a larger batch; where it is no use it is closed: False."""
        contract = engine.facts.contract
        with self._changed:
            fits = replace(contract, batch=self.facts.contract.batch) == self.facts.contract
            useless = self._ended() or self._full
            taken = fits and not useless and contract.batch > max(self._engines)
            if taken:
                self._engines[contract.batch] = engine
        if not taken:
            engine.close()
        return taken

    def bind(self, share: "Share", still: Still) -> Guest:
        """Bring a portrait to the device. EngineError if it does not fit."""
        with self._changed:
            if ended := self._ended():
                raise ended
            engine = self._engines[self.facts.contract.batch]
        return Guest(share, engine, still, stays=len(batches(self.facts, 2)) == 1)

    def run(self, share: "Share", jobs: Sequence[tuple[Guest, Job]]) -> list[Refined]:
        """The pictures of the jobs. Blocks. EngineError when it fails, or is closed meanwhile."""
        call = _Call(share, jobs)
        lot: list[_Call] = []
        with self._changed:
            if ended := self._ended():
                raise ended
            self._waiting.append(call)
            self._changed.wait_for(lambda: call.over or self._is_turn(call))
            if not call.over:
                lot = self._going = self._next()
        if lot:
            self._go(lot)
        if call.error is not None:
            raise call.error
        return call.made

    def leave(self, share: "Share") -> None:
        """Give up what is still waited for in this share, and wait for what is being run."""
        with self._changed:
            self._give_up([call for call in self._waiting if call.share is share], _closed())
            self._changed.wait_for(lambda: all(call.share is not share for call in self._going))

    def close(self) -> None:
        """Give up what is waited for, and free the device once what is being run is done."""
        with self._changed:
            self._closed = True
            self._give_up(list(self._waiting), _closed())
            engines = [] if self._going else self._emptied()
        for engine in engines:
            engine.close()

    def _ended(self) -> EngineError | None:
        return _again(self._lost) if self._lost else _closed() if self._closed else None

    def _is_turn(self, call: _Call) -> bool:
        return not self._going and self._waiting[0] is call

    def _next(self) -> list[_Call]:
        """As many of those who wait as the largest batch holds, and one at least."""
        most, count = max(self._engines), 0
        lot: list[_Call] = []
        while self._waiting and (not lot or count + len(self._waiting[0].jobs) <= most):
            lot.append(self._waiting.pop(0))
            count += len(lot[-1].jobs)
        return lot

    def _go(self, lot: list[_Call]) -> None:
        """Run them, and hand each its own."""
        try:
            made = self._made([job for call in lot for job in call.jobs])
        except EngineError as error:
            self._end(lot, [], error)
        except BaseException as error:
            self._end(lot, [], EngineError(f"the engine failed: {error!r}"))
            raise
        else:
            self._end(lot, made, None)

    def _made(self, jobs: Sequence[tuple[Guest, Job]]) -> list[Refined]:
        """By the smallest batch that holds them; the engine itself pads it."""
        engine, own = self._placed(jobs)
        made, batch = engine.run(own), engine.facts.contract.batch
        with self._changed:
            self._runs[batch] += -(-len(jobs) // batch)
            self._pictures += len(jobs)
        return made

    def _placed(self, jobs: Sequence[tuple[Guest, Job]]) -> tuple[Engine, list[Job]]:
        """The engine that is to run, and the jobs on it."""
        with self._changed:
            sizes = sorted(self._engines)
            batch = next((one for one in sizes if one >= len(jobs)), sizes[-1])
            first, engine = self._engines[self.facts.contract.batch], self._engines[batch]
        try:
            return engine, [replace(job, bound=guest.on(engine)) for guest, job in jobs]
        except EngineError as error:
            if engine is first:
                raise
            self._shed(engine, error)
        return first, [replace(job, bound=guest.on(first)) for guest, job in jobs]

    def _shed(self, engine: Engine, error: EngineError) -> None:
        """Do without a larger batch, on which there is no room for a portrait."""
        batch = engine.facts.contract.batch
        _log.warning("%s: not %d pictures at once: %s", self.facts.contract.name, batch, error)
        with self._changed:
            self._full = True
            self._engines.pop(batch, None)
        engine.close()

    def _end(self, lot: list[_Call], made: list[Refined], error: EngineError | None) -> None:
        done, engines = iter(made), list[Engine]()
        with self._changed:
            self._going = []
            for index, call in enumerate(lot):
                own = [] if error else [next(done) for _ in call.jobs]
                call.end(own, _again(error) if error and index else error)
            if error is not None:
                self._lost = error
                self._give_up(list(self._waiting), error)
            if self._closed:
                engines = self._emptied()
            self._changed.notify_all()
        for engine in engines:
            engine.close()

    def _give_up(self, calls: Sequence[_Call], error: EngineError) -> None:
        for call in calls:
            self._waiting.remove(call)
            call.end([], _again(error))
        self._changed.notify_all()

    def _emptied(self) -> list[Engine]:
        engines, self._engines = list(self._engines.values()), {}
        return engines


class Share(Closing):
    """One run's share of an engine: an `Engine` that others use, too. One thread at a time runs."""

    def __init__(self, engine: SharedEngine) -> None:
        self.facts = engine.facts
        self._engine = engine
        self._guests: list[Guest] = []
        self._closed = False

    @property
    def is_lost(self) -> bool:
        """Whether the engine failed while it ran, for whomever: it is of no use to anybody."""
        return self._engine.is_lost

    def bind(self, still: Still) -> Bound:
        """Bring a portrait to the device. Its arrays are copied. EngineError if they do not fit."""
        guest = self._engine.bind(self, still)
        self._guests = [one for one in self._guests if one.is_open] + [guest]
        return guest

    def run(self, jobs: Sequence[Job]) -> list[Refined]:
        """The pictures of the jobs, in order; the arrays are the caller's. Blocks.

        EngineError as of any engine, but jobs that do not fit hurt nobody else.
        """
        own = [(self._own(job.bound), job) for job in jobs]
        for job in jobs:
            frame_arrays(self.facts.contract, job.frame)
        return self._engine.run(self, own) if own else []

    def close(self) -> None:
        """Free its portraits, and let the others go on. It may be called twice."""
        self._closed = True
        self._engine.leave(self)
        for guest in self._guests:
            guest.close()
        self._guests = []

    def _own(self, bound: Bound) -> Guest:
        if not self._closed and isinstance(bound, Guest) and bound.share is self and bound.is_open:
            return bound
        raise EngineError(
            f"engine {self.facts.contract.name}: the portrait is closed or bound to another engine"
        )


def _again(error: EngineError) -> EngineError:
    """The same for one more who is told: an exception is raised by one thread only."""
    told = EngineError(str(error))
    told.__cause__ = error
    return told


def _closed() -> EngineError:
    return EngineError("the engine was closed")
