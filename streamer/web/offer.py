"""What a peer offers, checked before anything is opened for it."""

from aiortc.sdp import MediaDescription, SessionDescription

from streamer.errors import StreamerError

_LONGEST = 128 * 1024
"""Characters an offer may have; browsers write 5 to 20 thousand."""
_MOST_MEDIA = 8
MOST_CANDIDATES = 64
"""Addresses at which one peer may be looked for."""
_KINDS = ("audio", "video", "application")
VIDEO_CODECS = ("H264", "VP8")
"""Those that aiortc decodes and encodes, the quicker first."""

MALFORMED = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    RecursionError,
    StopIteration,
    OverflowError,
)
"""What aiortc raises over what it cannot read: it checks little by itself."""


class PeerError(StreamerError):
    """An offer that cannot be answered; one sentence says why."""


def read_offer(sdp: str) -> list[MediaDescription]:
    """The media that are offered. PeerError when it is no offer of WebRTC that can be answered."""
    if len(sdp) > _LONGEST:
        raise PeerError("the offer is too long; it must be the SDP of one RTCPeerConnection")
    try:
        offer = SessionDescription.parse(sdp)
        media = offer.media
        problem = _problem(media) or _ungrouped(offer)
    except MALFORMED as error:
        raise PeerError(
            f"the offer is no SDP that can be read ({type(error).__name__});"
            " send RTCPeerConnection.localDescription.sdp as it is"
        ) from error
    if problem:
        raise PeerError(problem)
    return media


def _problem(media: list[MediaDescription]) -> str:
    if not media:
        return "the offer has no media; add the camera's track before the offer is made"
    if len(media) > _MOST_MEDIA:
        return f"the offer has {len(media)} media sections; at most {_MOST_MEDIA} are answered"
    if sum(len(section.ice_candidates) for section in media) > MOST_CANDIDATES:
        return f"the offer has more than {MOST_CANDIDATES} candidates"
    return next((problem for section in media if (problem := _problem_of(section))), "")


def _problem_of(section: MediaDescription) -> str:
    if section.kind not in _KINDS:
        return f"the offer has a media section of an unknown kind, {section.kind[:20]!r}"
    if section.dtls is None or not section.dtls.fingerprints:
        return "the offer has no DTLS fingerprint; it must come from an RTCPeerConnection"
    if section.kind == "video" and not offered_codecs(section):
        names = " or ".join(VIDEO_CODECS)
        return f"the offer has no video codec that is known here; allow {names}"
    return ""


def _ungrouped(offer: SessionDescription) -> str:
    """What aiortc takes for granted, and without which it fails half way."""
    names = [section.rtp.muxId for section in offer.media]
    bundles = [group.items for group in offer.group if group.semantic == "BUNDLE"]
    if len(set(names)) < len(names) or any(set(bundle) - set(names) for bundle in bundles):
        return "the offer's media sections are not named as its BUNDLE says"
    return ""


def offered_codecs(section: MediaDescription) -> list[str]:
    """The video codecs of a section that are known here, in the offer's order."""
    names = [codec.name.upper() for codec in section.rtp.codecs]
    return [name for name in dict.fromkeys(names) if name in VIDEO_CODECS]
