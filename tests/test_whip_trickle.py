"""Further addresses by PATCH, as WHIP and WHEP have it."""

import asyncio

import pytest

from tests.offers import offer
from tests.whips import AS_SDP, FakeSession, FakeSessions, ask, client_of

CANDIDATE = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
HEAD = "a=ice-ufrag:{}\r\na=ice-pwd:KbX5m1s8lGxTf1wJq0gZs2Dg\r\nm=video 9 RTP/AVP 0\r\na=mid:v\r\n"
OURS, ANOTHER = HEAD.format("pR4K"), HEAD.format("new1")
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


def extended(path, body, headers, sessions):
    """The status of a PATCH to what a POST there made."""

    async def main():
        async with client_of(sessions) as client:
            direction = "sendonly" if path == "/whip" else "recvonly"
            made = await client.post(path, data=offer(direction), headers=AS_SDP)
            where, tag = made.headers["Location"], made.headers["ETag"]
            headers_now = {k: v.replace("TAG", tag) for k, v in (FRAGMENT | headers).items()}
            return (await client.patch(where, data=body, headers=headers_now)).status

    return asyncio.run(main())


@pytest.mark.parametrize("path", ["/whip", "/whep"])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (OURS + CANDIDATE, {"If-Match": "TAG"}, 204),
        (OURS + CANDIDATE, {}, 204),
        (OURS + "a=end-of-candidates\r\n", {"If-Match": "*"}, 204),
        (ANOTHER + CANDIDATE, {"If-Match": "*"}, 422),
        (OURS + CANDIDATE, {"If-Match": '"other"'}, 412),
        (OURS + CANDIDATE, {"Content-Type": "application/sdp"}, 415),
        (OURS + "a=candidate:1 1 udp", {}, 400),
        (OURS + CANDIDATE * 2, {}, 400),
        (OURS + CANDIDATE * 65, {}, 400),
        ("", {}, 400),
        ("{}", {}, 400),
        (b"a=\xff", {}, 400),
        ("a=x\r\n" * 5000, {}, 413),
    ],
)
def test_addresses_come_one_by_one(path, body, headers, status):
    """RFC 9725, 4.3: 204; 412 for another version; 422 where a way is to be begun anew."""
    sessions = FakeSessions()
    sessions.all.append(FakeSession("s0"))
    assert extended(path, body, headers, sessions) == status
    peer = sessions.all[-1].peer if path == "/whip" else sessions.players[0][1]
    assert len(peer.added) == (status == 204)


@pytest.mark.parametrize("path", ["/whip/none", "/whep/none"])
def test_addresses_for_nobody_are_refused(path):
    """The session or player has ended."""
    assert ask("PATCH", path, data=OURS + CANDIDATE, headers=FRAGMENT)[0] == 404
