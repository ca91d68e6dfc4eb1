"""What a peer has not got is sent again, or a whole picture where it is too late for that."""

from collections.abc import Awaitable, Callable, Mapping

from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket

from streamer.clock import MS, Clock, monotonic_ns

_KEYFRAME_EVERY_NS = 300 * MS
"""A peer asks again and again until the whole picture is there: that is no reason for another."""


class Again:
    """Of one sender. `history` is its own: packets by their number modulo RTP_HISTORY_SIZE."""

    def __init__(
        self,
        history: Mapping[int, RtpPacket],
        resend: Callable[[int], Awaitable[None]],
        send_keyframe: Callable[[], None],
        clock: Clock = monotonic_ns,
    ) -> None:
        self._history = history
        self._resend = resend
        self._send_keyframe = send_keyframe
        self._clock = clock
        self._forced_ns = -_KEYFRAME_EVERY_NS

    async def send(self, number: int) -> None:
        """The packet of this number is wanted."""
        packet = self._history.get(number % RTP_HISTORY_SIZE)
        if packet is not None and packet.sequence_number == number:
            await self._resend(number)
        elif self._clock() - self._forced_ns >= _KEYFRAME_EVERY_NS:
            self._forced_ns = self._clock()
            self._send_keyframe()
