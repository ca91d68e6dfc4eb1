"""One run's place in the workshop: what it asked for, and what came of it."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from streamer.config import GeneratorConfig
from streamer.engine.choose import Choice, Shapes
from streamer.engine.patience import Patience
from streamer.engine.protocol import Engine
from streamer.errors import EngineError
from streamer.generator.supply import Order

_log = logging.getLogger(__name__)


class Opens(Protocol):
    """Opens engines."""

    def want(self, bench: "Bench", queue: Sequence[Shapes]) -> bool:
        """As `Bench.want`."""
        ...

    def opened(self, bench: "Bench", shapes: Shapes) -> Choice:
        """As `Bench.opened`."""
        ...

    def failed(self, bench: "Bench", engine: Engine, error: EngineError) -> None:
        """As `Bench.failed`."""
        ...

    def leave(self, bench: "Bench") -> None:
        """As `Bench.close`."""
        ...


class Bench:
    """What a run knows of engines. Any thread may ask.

    The workshop, and it alone, writes here, while it is locked.
    """

    def __init__(
        self,
        workshop: Opens,
        config: GeneratorConfig,
        room_ms: float | None,
        changed: Callable[[], None],
    ) -> None:
        """An engine that takes longer than `room_ms` for a frame is refused; None = none is.

        `changed` is called whenever there is an answer, on whatever thread.
        """
        self.config, self.changed = config, changed
        self.queue: tuple[Shapes, ...] = ()
        """what shall be opened, most urgent first"""
        self.asked: set[Shapes] = set()
        """what ever was in it"""
        self.answers: dict[Shapes, Choice | str] = {}
        self.patience = Patience[Shapes]()
        """with engines that were too slow for it"""
        self._workshop, self._room_ms = workshop, room_ms

    def find(self, shapes: Shapes) -> Choice | str | None:
        """The engine; or why there is none; None = that is not known yet."""
        return self.answers.get(shapes)

    def want(self, queue: Sequence[Shapes]) -> bool:
        """What shall be opened, most urgent first; in the place of what was said before.

        True when something of it was there, so that there are answers already.
        """
        return self._workshop.want(self, queue)

    def opened(self, shapes: Shapes) -> Choice:
        """At once, whatever it takes. Blocks, perhaps for minutes; EngineError if it cannot be."""
        return self._workshop.opened(self, shapes)

    def failed(self, engine: Engine, error: EngineError) -> None:
        """An engine is of no more use here. When it is lost, all that use it are told, once."""
        self._workshop.failed(self, engine, error)

    def close(self) -> None:
        """Stop what is being built for nobody else, and close what nobody else uses."""
        self._workshop.leave(self)

    def order(self, shapes: Shapes) -> Order:
        """What it means by these shapes."""
        return Order.of(self.config, shapes)

    def asks(self, order: Order) -> bool:
        """Whether it ever asked for that."""
        return order.shapes in self.asked and order == self.order(order.shapes)

    def order_of(self, engine: Engine) -> Order | None:
        """That of an engine which it uses."""
        for shapes, answer in self.answers.items():
            if isinstance(answer, Choice) and answer.engine is engine:
                return self.order(shapes)
        return None

    def refusal(self, choice: Choice, order: Order) -> str:
        """Why the engine is not for this run; empty when it is quick enough."""
        frame_ms = (choice.facts.ms or 0.0) * order.shapes.picture.batch
        if self._room_ms is None or frame_ms <= self._room_ms:
            return ""
        reason = f"takes {frame_ms:.1f} ms, and {max(self._room_ms, 0):.1f} ms are left to it"
        again = self.patience.refused(order.shapes, frame_ms, self._room_ms)
        _log.info("%s is not used%s: it %s", order.title, " for now" if again else "", reason)
        return reason

    def lose(self, shapes: Shapes, reason: str) -> list[Engine]:
        """Do without an engine from now on; what is to be closed."""
        before, self.answers[shapes] = self.answers.get(shapes), reason
        return [before.engine] if isinstance(before, Choice) else []

    def emptied(self) -> list[Engine]:
        """Do without any; what is to be closed."""
        answers, self.answers, self.queue = self.answers, {}, ()
        return [answer.engine for answer in answers.values() if isinstance(answer, Choice)]
