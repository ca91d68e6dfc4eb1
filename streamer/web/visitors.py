"""Who came: a cookie for each browser, and what is remembered of it while it is near.

Nothing is written to disk, and nothing but a random word tells one visitor from another.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.control import Controls

COOKIE = "vivant-visitor"

FORGET_AFTER_S = 60
"""After the last session of a visitor what they brought is deleted."""
_IDLE_S = 600
"""The same for a visitor who never opened a session, after they last asked for something."""
_MEMORY_S = 3600
"""What they had set is remembered so long after that."""
_VISITORS = 1000


@dataclass(eq=False)
class Visitor:
    """One browser. Belongs to the loop."""

    name: str
    controls: Controls | None = None
    """As they were when the last session ended; None before there was one."""
    sessions: int = 0
    """Open now."""
    had_session: bool = False
    seen_ns: int = 0
    """When a session ended or something was asked for."""
    ended_ns: int = 0
    brought: set[str] = field(default_factory=set[str])
    """Names of the portraits they uploaded."""


class Visitors:
    """Those who are here or were lately. Belongs to the loop."""

    def __init__(self, forget: Callable[[str], None], clock: Clock = monotonic_ns) -> None:
        """`forget` deletes a portrait that a visitor brought."""
        self._forget = forget
        self._clock = clock
        self._known: dict[str, Visitor] = {}

    def find(self, cookie: str | None) -> Visitor | None:
        """The visitor of a cookie; None when nobody has it."""
        visitor = self._known.get(cookie or "")
        if visitor is not None:
            visitor.seen_ns = self._clock()
        return visitor

    def welcome(self, cookie: str | None) -> Visitor:
        """The visitor of a cookie, or a new one."""
        if (known := self.find(cookie)) is not None:
            return known
        self._make_room()
        visitor = Visitor(secrets.token_urlsafe(24), seen_ns=self._clock())
        self._known[visitor.name] = visitor
        return visitor

    def opened(self, visitor: Visitor) -> None:
        """A session of theirs begins."""
        visitor.sessions += 1
        visitor.had_session = True

    def ended(self, visitor: Visitor, controls: Controls) -> None:
        """A session of theirs is over; the next one begins with the same settings."""
        visitor.sessions -= 1
        visitor.controls = controls
        visitor.seen_ns = visitor.ended_ns = self._clock()

    def tidy(self) -> None:
        """Delete what visitors brought who have gone. To be called every few seconds."""
        now_ns = self._clock()
        for visitor in list(self._known.values()):
            if visitor.sessions:
                continue
            if visitor.brought and self._has_left(visitor, now_ns):
                self._clear(visitor)
            if not visitor.brought and now_ns - visitor.seen_ns > _MEMORY_S * SECOND:
                del self._known[visitor.name]

    def close(self) -> None:
        """Everybody leaves."""
        for visitor in self._known.values():
            self._clear(visitor)
        self._known.clear()

    def _has_left(self, visitor: Visitor, now_ns: int) -> bool:
        if visitor.had_session:
            return now_ns - visitor.ended_ns >= FORGET_AFTER_S * SECOND
        return now_ns - visitor.seen_ns >= _IDLE_S * SECOND

    def _clear(self, visitor: Visitor) -> None:
        for name in visitor.brought:
            self._forget(name)
        visitor.brought.clear()

    def _make_room(self) -> None:
        """One place, by forgetting who was idle for longest."""
        idle = [v for v in self._known.values() if not v.sessions]
        if len(self._known) >= _VISITORS and idle:
            oldest = min(idle, key=lambda visitor: visitor.seen_ns)
            self._clear(oldest)
            del self._known[oldest.name]
