import pytest

from streamer.web.offer import PeerError, offered_codecs, read_offer

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
VIDEO = (
    "m=video 9 UDP/TLS/RTP/SAVPF 96 98\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\n"
    "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n"
    "a=rtpmap:96 VP8/90000\r\na=rtpmap:98 H264/90000\r\n"
)


def test_an_offer_is_its_media():
    """With the codecs that are known here, in its order."""
    [video] = read_offer(HEAD + VIDEO)
    assert video.kind == "video"
    assert offered_codecs(video) == ["VP8", "H264"]


@pytest.mark.parametrize(
    ("sdp", "words"),
    [
        ("", "no media"),
        ("hello", "no media"),
        (HEAD, "no media"),
        (HEAD + VIDEO.replace("VP8", "AV1").replace("H264", "VP9"), "allow H264 or VP8"),
        (HEAD + VIDEO.replace("a=fingerprint:sha-256 AA:BB\r\n", ""), "DTLS fingerprint"),
        (HEAD + VIDEO.replace("m=video", "m=text"), "unknown kind, 'text'"),
        (HEAD + VIDEO * 2, "not named as its BUNDLE"),
        ("a=group:BUNDLE 7\r\n" + HEAD + VIDEO, "not named as its BUNDLE"),
        (HEAD + VIDEO * 9, "9 media sections"),
        (HEAD + VIDEO.replace("UDP/TLS/RTP/SAVPF 96", "X \u0394"), "cannot|no "),
        ("v=0\r\n" + "a=x\r\n" * 30_000, "too long"),
        (
            HEAD
            + VIDEO
            + "".join(
                f"a=candidate:1 1 udp 1 10.0.0.1 {port} typ host\r\n" for port in range(1000, 1065)
            ),
            "64 candidates",
        ),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_sentence(sdp, words):
    """Before anything is opened for it."""
    with pytest.raises(PeerError, match=words) as refusal:
        read_offer(sdp)
    assert "\n" not in str(refusal.value)
