"""Addresses that a program sends one by one after its offer: trickle ICE, as WHIP has it.

They come as a fragment of SDP (RFC 8840): the user name of the ICE session, and below each `m=`
line the candidates of that section.
"""

from dataclasses import dataclass

from aiortc.rtcicetransport import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

from streamer.web.offer import MALFORMED, MOST_CANDIDATES, PeerError

FRAGMENT = "application/trickle-ice-sdpfrag"
LONGEST_FRAGMENT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Fragment:
    """What came."""

    user: str
    """Of the ICE session, its `ice-ufrag`; empty where it is not told."""
    candidates: tuple[RTCIceCandidate, ...]
    ended: bool
    """Whether no more will come."""


def read_fragment(text: str) -> Fragment:
    """PeerError when it cannot be read."""
    user, section, ended = "", "", False
    candidates: list[RTCIceCandidate] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, value = line.partition(":")
        match name:
            case "a=ice-ufrag":
                user = value
            case "a=mid":
                section = value
            case "a=candidate":
                candidates.append(_candidate(value, section))
            case "a=end-of-candidates":
                ended = True
            case _:
                _check_line(line)
    return _checked(Fragment(user, tuple(candidates), ended))


def _check_line(line: str) -> None:
    if not line.startswith(("a=", "m=")):
        raise PeerError(f"this is no line of an SDP fragment: {line[:40]!r}")


def _checked(fragment: Fragment) -> Fragment:
    if not (fragment.candidates or fragment.ended or fragment.user):
        raise PeerError("the fragment has no candidate; send lines with a=candidate:")
    if len(fragment.candidates) > MOST_CANDIDATES:
        raise PeerError(f"the fragment has more than {MOST_CANDIDATES} candidates")
    return fragment


def _candidate(text: str, section: str) -> RTCIceCandidate:
    try:
        candidate = candidate_from_sdp(text)
    except MALFORMED as error:
        raise PeerError(f"this is no candidate: {text[:60]!r}") from error
    if not 0 <= candidate.port <= 65_535:
        raise PeerError(f"this is no port: {candidate.port}")
    candidate.sdpMid = section
    return candidate
