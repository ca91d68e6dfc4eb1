"""The engines of a run: opened in the background, used by all its portraits."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import cache

from engines.contract import Size
from engines.weights import Weights, WeightsError, read_weights
from streamer.config import GeneratorConfig
from streamer.engine.build import BuildStoppedError, Watch
from streamer.engine.choose import Choice, Shapes, choose_engine
from streamer.engine.protocol import Engine
from streamer.errors import EngineError
from streamer.generator.ladder import weights_of

Choose = Callable[[GeneratorConfig, Weights, Shapes, Watch], Choice]
"""as `choose_engine`"""
_CLOSE_S = 0.9
_log = logging.getLogger(__name__)


def title(shapes: Shapes) -> str:
    """Of a refiner, for a person."""
    return f"refiner {shapes.picture.size.upper()} @{shapes.picture.side}"


class Workshop:
    """Opens the engines that are wanted, one after the other on a thread of its own.

    Any thread may ask. Used with `with`: leaving it stops what is being built and closes the rest.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        room_ms: float | None,
        changed: Callable[[], None],
        choose: Choose = choose_engine,
    ) -> None:
        """An engine that takes longer than `room_ms` for a frame is refused; None = none is.

        `changed` is called, on the thread, whenever there is an answer.
        """
        self._config, self._room_ms, self._changed, self._choose = config, room_ms, changed, choose
        self._asked = threading.Condition()
        self._queue: tuple[Shapes, ...] = ()
        self._answers: dict[Shapes, Choice | str] = {}
        self._closed = threading.Event()
        self._weights = cache(self._read)
        self._thread = threading.Thread(target=self._work, name="engines")
        self._started = False

    def find(self, shapes: Shapes) -> Choice | str | None:
        """The engine; or why there is none; None = that is not known yet."""
        return self._answers.get(shapes)

    def want(self, queue: Sequence[Shapes]) -> None:
        """What shall be opened, most urgent first; in the place of what was said before."""
        with self._asked:
            self._queue = tuple(queue)
            if self._queue and not self._started and not self._closed.is_set():
                self._started = True
                self._thread.start()
            self._asked.notify()

    def failed(self, engine: Engine, error: EngineError) -> None:
        """An engine is of no more use. Told once, however many portraits used it."""
        with self._asked:
            lost = [shapes for shapes, answer in self._answers.items() if _is(answer, engine)]
            for shapes in lost:
                self._answers[shapes] = f"failed while it ran: {error}"
        for shapes in lost:
            _log.warning("%s failed, the warp goes on without it: %s", title(shapes), error)
        if lost:
            engine.close()
            self._changed()

    def close(self) -> None:
        """Stop what is being built and close the engines, once nobody runs them any more."""
        with self._asked:
            self._closed.set()
            self._asked.notify()
        if self._started:
            self._thread.join(_CLOSE_S)
        with self._asked:
            answers, self._answers = self._answers, {}
        for answer in answers.values():
            if isinstance(answer, Choice):
                answer.engine.close()

    def _work(self) -> None:
        while (shapes := self._next()) is not None:
            answer = self._answer(shapes)
            with self._asked:
                if not self._closed.is_set():
                    self._answers[shapes] = answer
                elif isinstance(answer, Choice):
                    answer.engine.close()
            self._changed()

    def _next(self) -> Shapes | None:
        """Wait for something to do; None when it is closed."""
        with self._asked:
            while not self._closed.is_set():
                for shapes in self._queue:
                    if shapes not in self._answers:
                        return shapes
                self._asked.wait()
        return None

    def _answer(self, shapes: Shapes) -> Choice | str:
        try:
            choice = self._open(shapes)
        except BuildStoppedError as error:
            return str(error)
        except EngineError as error:
            _log.warning("%s cannot be used: %s", title(shapes), error)
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the warp goes on without it
            _log.warning("%s cannot be used: %r", title(shapes), error)
            return repr(error)
        frame_ms = (choice.facts.ms or 0.0) * shapes.picture.batch
        if self._room_ms is None or frame_ms <= self._room_ms:
            return choice
        choice.engine.close()
        reason = f"takes {frame_ms:.1f} ms, and {max(self._room_ms, 0):.1f} ms are left to it"
        _log.info("%s is not used: it %s", title(shapes), reason)
        return reason

    def opened(self, shapes: Shapes) -> Choice:
        """At once, whatever it takes. Blocks, perhaps for minutes; EngineError if it cannot be."""
        choice = self._open(shapes)
        self._answers[shapes] = choice
        return choice

    def _open(self, shapes: Shapes) -> Choice:
        weights = self._weights(shapes.picture.size)
        return self._choose(self._config, weights, shapes, Watch(stopped=self._closed.is_set))

    def _read(self, size: Size) -> Weights:
        path = weights_of(self._config, size)
        if path is None:
            raise EngineError(f"the weights of refiner {size.upper()} are gone")
        try:
            return read_weights(path)
        except WeightsError as error:
            raise EngineError(str(error)) from error


def _is(answer: Choice | str, engine: Engine) -> bool:
    return isinstance(answer, Choice) and answer.engine is engine
