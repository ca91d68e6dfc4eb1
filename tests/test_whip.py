"""WHIP and WHEP, as clients see them: the protocol, without media."""

import asyncio

import pytest

from streamer.web.ice import IceServer
from streamer.web.refusal import Refusal
from streamer.web.whip import SDP
from tests.offers import offer
from tests.whips import AS_SDP, FakeSession, FakeSessions, ask, client_of, post

TURN = IceServer(urls="turn:turn.example:3478", username='7:"x', credential="se\\cret")
STUN = IceServer(urls="stun:stun.example:3478")


def test_a_sender_begins_a_session():
    """RFC 9725, 4.2: 201, the answer, where the session is, and its version."""
    sessions = FakeSessions()
    status, headers, text = post("/whip", sessions=sessions)
    assert (status, text) == (201, "the answer")
    assert headers["Content-Type"].partition(";")[0] == SDP
    assert headers["Location"] == "/whip/s0"
    assert headers["ETag"] == '"s0"'
    assert headers["X-Session-Key"] == "key of s0"
    assert sessions.asked[0][:3] == (offer(), None, {})


def test_what_a_sender_asks_for_in_the_address():
    """The portrait and its background; nothing else is a wish."""
    sessions = FakeSessions()
    post("/whip?portrait=mei&background=green&token=x", sessions=sessions)
    assert sessions.asked[0][2] == {"portrait": "mei", "background": "green"}


def test_each_sender_is_a_visitor_of_its_own():
    """One that begins again does not push out another."""
    sessions = FakeSessions()

    async def main():
        async with client_of(sessions) as client:
            for _ in range(2):
                await client.post("/whip", data=offer(), headers=AS_SDP)

    asyncio.run(main())
    assert len({asked[3] for asked in sessions.asked}) == 2


def test_servers_for_the_way_are_links():
    """RFC 9725, 4.6; what a quoted string cannot hold is escaped."""
    _, headers, _ = post("/whip", servers=(STUN, TURN))
    stun, turn = headers.getall("Link")
    assert stun == '<stun:stun.example:3478>; rel="ice-server"'
    place, *parts = turn.split("; ")
    assert place == "<turn:turn.example:3478>"
    assert parts == [
        'rel="ice-server"',
        r'username="7:\"x"',
        r'credential="se\\cret"',
        'credential-type="password"',
    ]


@pytest.mark.parametrize("path", ["/whip", "/whep"])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (None, {"Content-Type": "application/json"}, 415),
        (None, {**AS_SDP, "Accept": "text/html"}, 406),
        (None, {**AS_SDP, "Accept": "text/html, application/sdp;q=0.5"}, 201),
        ("v=0", AS_SDP, 400),
        ("\xff".encode("latin-1"), AS_SDP, 400),
        ("", AS_SDP, 400),
        (offer("inactive"), AS_SDP, 422),
        (offer().replace("VP8/90000", "AV1/90000"), AS_SDP, 400),
        ("v" * 70_000, AS_SDP, 413),
    ],
)
def test_offers_that_cannot_be_answered(path, body, headers, status):
    """Each with its own status."""
    sessions = FakeSessions()
    sessions.all.append(FakeSession("s0"))
    assert post(path, body, headers=headers, sessions=sessions)[0] == status


@pytest.mark.parametrize("path", ["/whip", "/whep"])
def test_offers_that_go_the_wrong_way(path):
    """Whoever sends to the player's address, or the other way round, is told."""
    wrong = offer("recvonly" if path == "/whip" else "sendonly")
    assert post(path, wrong)[0] == 422


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/whip", "/whep"])
def test_other_methods_are_for_later_versions(path, method):
    """RFC 9725, 4.2: 405, with those that are there."""
    status, headers, _ = ask(method, path)
    assert (status, headers["Allow"]) == (405, "OPTIONS,POST")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_session_is_not_asked_for_otherwise(method):
    """RFC 9725, 4.2: 405."""
    assert ask(method, "/whip/s0", headers=AS_SDP)[0] == 405


def test_what_can_be_sent_is_told():
    """RFC 9725, 4.7."""
    status, headers, _ = ask("OPTIONS", "/whip")
    assert (status, headers["Accept-Post"], headers["Allow"]) == (204, SDP, "POST, OPTIONS")
    headers = ask("OPTIONS", "/whip/s0")[1]
    assert headers["Allow"] == "DELETE, OPTIONS, PATCH"
    assert headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"


def test_a_sender_hangs_up():
    """Once: afterwards there is no such session."""
    sessions = FakeSessions()

    async def main():
        async with client_of(sessions) as client:
            where = (await client.post("/whip", data=offer(), headers=AS_SDP)).headers["Location"]
            return [(await client.delete(where)).status for _ in range(2)]

    assert asyncio.run(main()) == [200, 404]
    assert sessions.all[0].reason == "left"


def test_a_full_house_is_told_to_senders():
    """As the sessions say it."""
    full = FakeSessions(Refusal(503, "full", "all places are taken", 10))
    assert post("/whip", sessions=full)[0] == 503


def test_a_player_gets_the_newest_session():
    """Of those that do not end just now."""
    sessions = FakeSessions()
    sessions.all += [FakeSession("old"), FakeSession("new"), FakeSession("ending")]
    sessions.all[-1].end("left")
    assert post("/whep", sessions=sessions)[0] == 201
    assert sessions.players[0][0] == "new"


def test_a_player_names_a_session():
    """And is told when there is none."""
    sessions = FakeSessions()
    sessions.all += [FakeSession("old"), FakeSession("new")]
    assert post("/whep?session=old", sessions=sessions)[0] == 201
    assert sessions.players[0][0] == "old"
    assert post("/whep?session=other", sessions=sessions)[0] == 404
    assert post("/whep")[0] == 404


def test_players_hang_up_each_for_itself():
    """Several watch one session; one that is gone by itself is forgotten."""
    sessions = FakeSessions()
    sessions.all.append(session := FakeSession("s0"))

    async def main():
        async with client_of(sessions) as client:
            made = [
                await client.post("/whep", data=offer("recvonly"), headers=AS_SDP) for _ in "abc"
            ]
            where = [answer.headers["Location"] for answer in made]
            sessions.players[2][1].lost.set()
            return [(await client.delete(where[at])).status for at in (0, 0, 2)]

    assert asyncio.run(main()) == [200, 404, 404]
    assert [player.closed for _, player in sessions.players] == [True, False, False]
    assert sessions.players[1][1] in session.viewers
    assert sessions.players[0][1] not in session.viewers
