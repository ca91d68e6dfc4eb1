"""Received packets become frames: at once when one is whole, with no long wait for the lost."""

from collections.abc import Callable
from typing import cast

from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add

from streamer.clock import MS, Clock, monotonic_ns

_LONGEST_GAP = 300 * 90
"""How long a lost packet is waited for, in 1/90000 s of the stream."""
_ASK_EVERY_NS = 70 * MS
"""Four times while it is waited for. Browsers send nothing twice within one round trip."""


class PatientNacks(NackGenerator):
    """Has lost packets sent again, and asks again where that or the question was lost, too.

    Stock repeats the question when it finds another gap. Where few packets come, that is too late.
    """

    def __init__(self, clock: Clock = monotonic_ns) -> None:
        super().__init__()
        self._clock = clock
        self._asked_ns = 0

    def add(self, packet: RtpPacket) -> bool:
        """Take a packet. Whether to ask now for all that is missing."""
        found = super().add(packet)
        now_ns = self._clock()
        asks = found or (bool(self.missing) and now_ns - self._asked_ns >= _ASK_EVERY_NS)
        if asks:
            self._asked_ns = now_ns
        return asks


class MarkedBuffer(JitterBuffer):
    """Gives a frame when its last packet, which has the marker bit, has come.

    Also gives up a packet that stays lost: stock waits for it until 512 more have come, 5 s.
    """

    def __init__(self, capacity: int, on_gap: Callable[[], None]) -> None:
        super().__init__(capacity, is_video=True)
        self._on_gap = on_gap

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet. Whether a keyframe is to be asked for, and the frame that is complete."""
        wants_keyframe, frame = super().add(packet)
        if frame is None and self._waited_long(packet):
            self._start_at(packet)
            self._on_gap()
            return True, self._remove_frame(packet.sequence_number)
        return wants_keyframe, frame

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:  # noqa: ARG002  (overrides)
        packets: list[RtpPacket] = []
        for count in range(self._capacity):
            packet = self._at(count)
            if packet is None:
                return None
            if packets and packet.timestamp != packets[0].timestamp:
                return self._taken(packets)  # a sender that sets no marker
            packets.append(packet)
            if packet.marker:
                return self._taken(packets)
        return None

    def _taken(self, packets: list[RtpPacket]) -> JitterFrame:
        self.remove(len(packets))
        data = b"".join(cast("bytes", vars(packet)["_data"]) for packet in packets)
        return JitterFrame(data=data, timestamp=packets[0].timestamp)

    def _at(self, count: int) -> RtpPacket | None:
        return self._packets[(cast("int", self._origin) + count) % self._capacity]

    def _waited_long(self, newest: RtpPacket) -> bool:
        behind = uint16_add(newest.sequence_number, -cast("int", self._origin))
        kept = [self._at(n) for n in range(min(behind + 1, self._capacity))]
        if None not in kept:
            return False  # the frame is still on its way, nothing of it or before it is missing
        oldest = next((packet for packet in kept if packet is not None), newest)
        return (newest.timestamp - oldest.timestamp) & 0xFFFFFFFF in range(_LONGEST_GAP, 1 << 31)

    def _start_at(self, newest: RtpPacket) -> None:
        """Forget all but the newest frame."""
        behind = uint16_add(newest.sequence_number, -cast("int", self._origin))
        first = behind
        while first and (packet := self._at(first - 1)) and packet.timestamp == newest.timestamp:
            first -= 1
        self.remove(first)
