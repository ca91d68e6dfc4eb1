"""Addresses that come after the offer, one by one."""

import re

import pytest

from streamer.web.peer import Peer, PeerError, PeerSink
from streamer.web.trickle import read_fragment
from tests.calls import ALONE, Film, Page, run_leaving_nothing, until


def test_a_page_whose_addresses_come_later_is_found():
    """Trickle ICE: the offer has none of them, they follow one by one."""

    async def main():
        page, peer = Page(), Peer(PeerSink(64, 48, 30), settings=ALONE)
        page.pc.addTrack(Film())
        sdp = await page.offer()
        held = [line for line in sdp.splitlines() if line.startswith("a=candidate:")]
        bare = "\r\n".join(
            line
            for line in sdp.splitlines()
            if not line.startswith(("a=candidate:", "a=end-of-candidates"))
        )
        answer = await peer.answer(bare + "\r\n")
        user = re.search(r"a=ice-ufrag:(\S+)", sdp)[1]
        head = f"a=ice-ufrag:{user}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        for line in dict.fromkeys(held):
            await peer.add_candidates(read_fragment(f"{head}{line}\r\n"))
        await peer.add_candidates(read_fragment(f"{head}a=end-of-candidates\r\n"))
        assert not peer.is_other(read_fragment(head))
        assert peer.is_other(read_fragment(head.replace(user, "other")))
        await page.accept(_without_candidates(answer))
        await until(lambda: peer.camera.fps, "a frame came")
        await page.close()
        await peer.close()

    run_leaving_nothing(main)


def _without_candidates(answer):
    """The page does not know where the peer is: the peer has to find the page."""
    lines = answer.splitlines()
    return "\r\n".join(line for line in lines if not line.startswith("a=candidate")) + "\r\n"


def test_a_peer_is_looked_for_in_few_places():
    """Whoever sends ever more addresses would have us knock at them all."""

    async def main():
        page, peer = Page(), Peer(PeerSink(64, 48, 30), settings=ALONE)
        page.pc.addTrack(Film())
        await peer.answer(await page.offer())
        line = "a=candidate:1 1 udp 2122260223 192.0.2.1 {} typ host\r\n"
        fragment = read_fragment("".join(line.format(port) for port in range(1, 65)))
        await peer.add_candidates(read_fragment(line.format(9)))
        with pytest.raises(PeerError, match="at most 64"):
            await peer.add_candidates(fragment)
        await page.close()
        await peer.close()

    run_leaving_nothing(main)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no candidate"),
        ("v=0", "no line"),
        ("a=candidate:1", "no candidate: '1'"),
        ("a=candidate:1 1 udp 1 192.0.2.1 99999 typ host", "no port: 99999"),
    ],
)
def test_what_is_no_fragment_is_told(text, why):
    """In one sentence."""
    with pytest.raises(PeerError, match=why):
        read_fragment(text)
