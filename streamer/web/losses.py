"""What a receiver's reports say of a path: which share of the packets is lost on it."""

from streamer.clock import MS, Clock, monotonic_ns

_WINDOW_NS = 400 * MS
_FEWEST = 10
"""Packets that tell something."""


class Losses:
    """Of one sender. Reports come as often as the receiver likes, and count from the beginning."""

    def __init__(self, clock: Clock = monotonic_ns) -> None:
        self._clock = clock
        self._since: tuple[int, int, int] | None = None
        """When the window began, and what was lost and highest then."""

    def share(self, lost: int, highest: int) -> float | None:
        """Share lost since a while ago, from 0 to 1; None: it is too early to say."""
        now_ns = self._clock()
        if self._since is None:
            self._since = now_ns, lost, highest
            return None
        began_ns, lost_then, highest_then = self._since
        sent = highest - highest_then
        if now_ns - began_ns < _WINDOW_NS or 0 <= sent < _FEWEST:
            return None
        self._since = now_ns, lost, highest
        return min(1.0, max(0.0, (lost - lost_then) / sent)) if sent > 0 else None
