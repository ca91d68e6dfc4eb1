"""What happened lately, for a screen in place of a scrolling log."""

import contextlib
import logging
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, replace

from streamer.clock import SECOND, Clock, monotonic_ns

_PACKAGE = "streamer"


@dataclass(frozen=True, slots=True)
class Notice:
    """One event, in a person's words."""

    text: str
    level: int
    """As in `logging`."""
    age_s: float
    count: int = 1
    """How often it came in a row."""


@dataclass(frozen=True, slots=True)
class _Kept:
    at_ns: int
    notice: Notice


class Notices(logging.Handler):
    """Keeps the newest events. Any thread may log and look."""

    def __init__(self, keep: int = 50, clock: Clock = monotonic_ns) -> None:
        super().__init__(logging.INFO)
        self._clock = clock
        self._kept: deque[_Kept] = deque(maxlen=keep)

    @contextlib.contextmanager
    def listening(self) -> Generator["Notices"]:
        """Take what this program logs, and keep it from being written over the screen meanwhile."""
        logger = logging.getLogger(_PACKAGE)
        level, propagate = logger.level, logger.propagate
        logger.addHandler(self)
        logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
        logger.propagate = False
        try:
            yield self
        finally:
            logger.removeHandler(self)
            logger.setLevel(level)
            logger.propagate = propagate

    def newest(self) -> list[Notice]:
        """The oldest of them first."""
        self.acquire()
        try:
            now_ns = self._clock()
            return [replace(k.notice, age_s=(now_ns - k.at_ns) / SECOND) for k in self._kept]
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, under the lock."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # a log line that does not fit its figures ends no run
            text = str(record.msg)
        count = 1
        if self._kept and self._kept[-1].notice.text == text:
            count += self._kept.pop().notice.count
        self._kept.append(_Kept(self._clock(), Notice(text, record.levelno, 0.0, count)))
