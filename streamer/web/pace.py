"""A steady beat for what has none of its own."""

import asyncio

from streamer.clock import SECOND, Clock, monotonic_ns


class Pace:
    """Lets a coroutine go on once a period. Beats that were missed are not made up for."""

    def __init__(self, period_ns: int, clock: Clock = monotonic_ns) -> None:
        self._period_ns = period_ns
        self._clock = clock
        self._next_ns = clock()

    async def wait(self) -> None:
        """Until the next beat."""
        now_ns = self._clock()
        if now_ns > self._next_ns + 5 * self._period_ns:
            self._next_ns = now_ns
        await asyncio.sleep(max(0, self._next_ns - now_ns) / SECOND)
        self._next_ns += self._period_ns
