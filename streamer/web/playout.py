"""RTP packets that say "show it at once": the playout delay of nought, which browsers obey."""

from aiortc.rtcrtpparameters import RTCRtpParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
_ONE_BYTE, _TWO_BYTE = 0xBEDE, 0x1000
"""Profiles of RTP header extensions."""


class PlayoutMap(HeaderExtensionsMap):
    """Adds "show it at once" to the extensions of each packet."""

    _id = 0

    def configure(self, parameters: RTCRtpParameters) -> None:
        """Learn the numbers that the peer gave the extensions."""
        super().configure(parameters)
        for extension in parameters.headerExtensions:
            if extension.uri == PLAYOUT_DELAY:
                self._id = extension.id

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        """The extensions as bytes. Both lengths of our own keep the whole a multiple of four."""
        profile, packed = super().set(values)
        if not self._id or (profile == _ONE_BYTE and self._id > 14):
            return profile, packed
        if profile == _TWO_BYTE or self._id > 14:
            return _TWO_BYTE, packed + bytes([self._id, 3, 0, 0, 0, 0, 0, 0])
        return _ONE_BYTE, packed + bytes([self._id << 4 | 2, 0, 0, 0])
