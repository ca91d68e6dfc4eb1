"""The playout delay in every packet."""

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensions, unpack_header_extensions

from streamer.web.playout import PLAYOUT_DELAY, PlayoutMap


@pytest.mark.parametrize(("number", "level"), [(5, None), (5, (False, 3)), (14, None), (200, None)])
def test_the_playout_delay_is_in_every_packet(number, level):
    """Beside the other extensions, in both lengths of header."""
    made = PlayoutMap()
    parameters = RTCRtpParameters(
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(id=1, uri="urn:ietf:params:rtp-hdrext:sdes:mid"),
            RTCRtpHeaderExtensionParameters(
                id=2, uri="urn:ietf:params:rtp-hdrext:ssrc-audio-level"
            ),
            RTCRtpHeaderExtensionParameters(id=number, uri=PLAYOUT_DELAY),
        ]
    )
    made.configure(parameters)
    for mid in ("0", "a-long-name-that-needs-two-bytes"):
        profile, packed = made.set(HeaderExtensions(mid=mid, audio_level=level))
        read = dict(unpack_header_extensions(profile, packed))
        if number <= 14 or profile == 0x1000:
            assert read.get(number) == bytes(3)
        assert read.get(1, mid.encode()) == mid.encode()
        assert len(packed) % 4 == 0


def test_without_agreement_no_extension_is_sent():
    """A peer that does not offer it is not sent it."""
    profile, packed = PlayoutMap().set(HeaderExtensions())
    assert (profile, packed) == (0, b"")
