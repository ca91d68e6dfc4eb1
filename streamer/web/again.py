"""What a peer has not got is sent again, or a whole picture where it is too late for that.

As often as it helps: a peer on a narrow path lacks much, and what is sent again takes the place of
what is new. A browser asks for all that it lacks at every turn, which may be 60 times a second.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket

from streamer.clock import MS, SECOND, Clock, monotonic_ns

_KEYFRAME_EVERY_NS = 300 * MS
"""A peer asks again and again until the whole picture is there: that is no reason for another."""
_PAUSE_NS = 30 * MS
"""Before a packet is sent a second time; before a third, twice that, and so on."""
_BURST_NS = SECOND // 4
"""So much of the bitrate may be sent again at once, and on average as much as is sent anew."""


class Again:
    """Of one sender. `history` is its own: packets by their number modulo RTP_HISTORY_SIZE."""

    def __init__(
        self,
        history: Mapping[int, RtpPacket],
        resend: Callable[[int], Awaitable[None]],
        send_keyframe: Callable[[], None],
        bps: Callable[[], int],
        clock: Clock = monotonic_ns,
    ) -> None:
        self._history = history
        self._resend = resend
        self._send_keyframe = send_keyframe
        self._bps = bps
        self._clock = clock
        self._forced_ns = -_KEYFRAME_EVERY_NS
        self._asked: dict[int, tuple[int, int, int]] = {}
        """By place in the history: the packet's number, when it may be sent again, the pause."""
        self._saved_ns = _BURST_NS
        self._saved_at_ns = clock()

    async def send(self, number: int) -> None:
        """The packet of this number is wanted."""
        packet = self._history.get(number % RTP_HISTORY_SIZE)
        if packet is None or packet.sequence_number != number:
            self.keyframe()
        elif self._is_due(number) and self._pays(len(packet.payload)):
            await self._resend(number)

    def keyframe(self) -> None:
        """A picture is wanted that needs none before it."""
        if self._clock() - self._forced_ns >= _KEYFRAME_EVERY_NS:
            self._forced_ns = self._clock()
            self._send_keyframe()

    def _is_due(self, number: int) -> bool:
        now_ns, place = self._clock(), number % RTP_HISTORY_SIZE
        known, due_ns, pause_ns = self._asked.get(place, (None, 0, 0))
        if known != number:
            due_ns, pause_ns = now_ns, _PAUSE_NS
        if now_ns < due_ns:
            return False
        self._asked[place] = number, now_ns + pause_ns, pause_ns * 2
        return True

    def _pays(self, size: int) -> bool:
        """Whether there is room for so many bytes, which are then spent."""
        now_ns = self._clock()
        saved_ns = min(_BURST_NS, self._saved_ns + now_ns - self._saved_at_ns)
        cost_ns = size * 8 * SECOND // max(1, self._bps())
        self._saved_at_ns = now_ns
        self._saved_ns = saved_ns - cost_ns * (cost_ns <= saved_ns)
        return cost_ns <= saved_ns
