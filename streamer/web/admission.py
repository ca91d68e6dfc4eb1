"""Whether there is a place for one more session: by number, by address and by measured load."""

from collections import Counter
from collections.abc import Sequence

from streamer.clock import Clock, monotonic_ns
from streamer.web.access import is_loopback
from streamer.web.buckets import Buckets, neighbourhood
from streamer.web.refusal import Refusal
from streamer.web.session import Session
from streamer.web.visitors import Visitor
from streamer.webconfig import WebConfig

DRAINING = (503, "draining", "the server is about to stop; try again later", 10)

_PER_S, _IN_A_ROW = 1.0, 20
"""How often one address may open a session."""
_SETTLED_S = 3.0
"""Before that the ages of a session say nothing."""
_WAIT_S = 10


class Admission:
    """The rules, and how often they refused. Belongs to the loop."""

    def __init__(self, config: WebConfig, budget_ms: float, clock: Clock = monotonic_ns) -> None:
        self.counts: Counter[str] = Counter()
        """Refused since the start, by reason."""
        self._config = config
        self._budget_ms = budget_ms
        self._openings = Buckets(_PER_S, _IN_A_ROW, clock)

    def check(self, sessions: Sequence[Session], visitor: Visitor, address: str) -> None:
        """Refusal when there is no place for one more beside these."""
        if wait_s := self._openings.take(address):
            text = "too many sessions were opened; wait a moment"
            raise self.refused(429, "rate", text, wait_s)
        there = [session for session in sessions if not session.reason]
        near = _near(there, address)
        if near >= self._config.sessions_per_address and not is_loopback(address):
            text = f"{near} sessions come from your address already; end one of them"
            raise self.refused(429, "address", text, _WAIT_S)
        if len(there) >= self._config.max_sessions and not _replaced(there, visitor):
            text = f"all {self._config.max_sessions} places are taken; try again in a while"
            raise self.refused(503, "full", text, _WAIT_S)
        if len(sessions) >= 2 * self._config.max_sessions or self._is_overloaded(there):
            text = "this server is busy with those who are here; try again in a while"
            raise self.refused(503, "full", text, _WAIT_S)

    def refused(self, status: int, code: str, message: str, after_s: int) -> Refusal:
        """The refusal, counted."""
        self.counts[code] += 1
        return Refusal(status, code, message, after_s)

    def _is_overloaded(self, sessions: Sequence[Session]) -> bool:
        """Whether somebody's pictures are older than they should be, not counting the start."""
        for session in sessions:
            if session.live is None or session.seconds < _SETTLED_S:
                continue
            age = session.live.metrics.recent().age_ms
            if age is not None and age.p95 > self._budget_ms:
                return True
        return False


def _near(sessions: Sequence[Session], address: str) -> int:
    here = neighbourhood(address)
    return sum(1 for session in sessions if neighbourhood(session.address) == here)


def _replaced(sessions: Sequence[Session], visitor: Visitor) -> bool:
    """Make room where this visitor's own session has lost its page, as after a reload."""
    for session in sessions:
        if session.visitor is visitor and not session.peer.camera.fps:
            session.end("replaced")
            return True
    return False
