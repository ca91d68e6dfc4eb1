"""An offer of one video, as other programs make it."""

OFFER = """v=0
o=- 1 0 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE video0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:actpass
a=ice-ufrag:pR4K
a=ice-pwd:KbX5m1s8lGxTf1wJq0gZs2Dg
a=rtcp-mux
a=rtcp-rsize
a={direction}
a=mid:video0
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=fingerprint:sha-256 {fingerprint}
a=candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host
a=end-of-candidates
"""


def offer(direction="sendonly"):
    """One video, to be sent or received."""
    text = OFFER.format(direction=direction, fingerprint=":".join(["AB"] * 32))
    return text.replace("\n", "\r\n")
