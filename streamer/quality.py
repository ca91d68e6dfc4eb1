"""Keeps the latency budget: quality goes down while it is exceeded, and up again with patience."""

from collections.abc import Callable

from streamer.clock import SECOND
from streamer.metrics import Recent

_LATE = 0.05
"""Share of late frames that counts as too slow, whatever the ages of those that were shown."""
_ROOM = 0.7
"""Part of the budget below which a better picture may be tried."""
_SETTLE_NS = 3 * SECOND
"""After a step the last two seconds still tell of the step before, or of the start."""
_HELPLESS_NS = 10 * SECOND
_PATIENCE_NS = 10 * SECOND
_LONGEST_NS = 320 * SECOND


class Governor:
    """Chooses the step of the quality ladder: 0 is the best, `steps - 1` the cheapest.

    A step up that has to be taken back doubles the time until the next try, so that a machine
    between two steps does not swing; a step up that holds as long resets it. Steps that are not
    usable just now are passed over: in their place the next usable one below them is shown.
    """

    def __init__(
        self, steps: int, budget_ms: float, usable: Callable[[int], bool] = lambda _: True
    ) -> None:
        """`usable` tells whether a step can be shown now; the lowest always can."""
        self._lowest = steps - 1
        self._usable = usable
        self._budget_ms = budget_ms
        self._level = 0
        self._patience_ns = _PATIENCE_NS
        self._stepped_ns: int | None = None
        self._rose_ns: int | None = None
        self._easy_ns: int | None = None
        self._over_ns: int | None = None
        self.helpless = False
        """The budget has been exceeded for long, and nothing is left to lower."""

    def see(self, recent: Recent, at_ns: int) -> int:
        """The step to use from now on, given the last two seconds; call it twice a second."""
        if self._stepped_ns is None:
            self._stepped_ns = at_ns
        over = _exceeds(recent, self._budget_ms)
        self._over_ns = (self._over_ns or at_ns) if over else None
        self.helpless = self._is_helpless(at_ns)
        if at_ns - self._stepped_ns < _SETTLE_NS:
            return self._level
        if over:
            self._easy_ns = None
            if self._shown < self._lowest:
                self._fall(at_ns)
        elif (above := self._above) is not None and self._has_room(recent):
            self._easy_ns = at_ns if self._easy_ns is None else self._easy_ns
            if at_ns - self._easy_ns >= self._patience_ns:
                self._rise(above, at_ns)
        else:
            self._easy_ns = None
        return self._level

    @property
    def _shown(self) -> int:
        """The step that is shown: the first usable one from the chosen one down."""
        steps = range(self._level, self._lowest)
        return next((step for step in steps if self._usable(step)), self._lowest)

    @property
    def _above(self) -> int | None:
        """The next usable step above; None when there is none."""
        steps = range(self._level - 1, -1, -1)
        return next((step for step in steps if self._usable(step)), None)

    def _is_helpless(self, at_ns: int) -> bool:
        if self._shown < self._lowest or self._over_ns is None or self._stepped_ns is None:
            return False
        return at_ns - max(self._over_ns, self._stepped_ns) >= _HELPLESS_NS

    def _has_room(self, recent: Recent) -> bool:
        age = recent.age_ms
        return recent.late == 0 and age is not None and age.p95 < _ROOM * self._budget_ms

    def _fall(self, at_ns: int) -> None:
        if self._rose_ns is not None:
            regretted = at_ns - self._rose_ns < self._patience_ns
            longer = min(2 * self._patience_ns, _LONGEST_NS)
            self._patience_ns = longer if regretted else _PATIENCE_NS
            self._rose_ns = None
        below = range(self._shown + 1, self._lowest)
        self._level = next((step for step in below if self._usable(step)), self._lowest)
        self._stepped_ns = at_ns

    def _rise(self, level: int, at_ns: int) -> None:
        self._level = level
        self._stepped_ns = self._rose_ns = at_ns
        self._easy_ns = None


def _exceeds(recent: Recent, budget_ms: float) -> bool:
    age = recent.age_ms
    return recent.late > _LATE or (age is not None and age.p95 > budget_ms)
