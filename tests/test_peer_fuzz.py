"""Damaged offers, candidates and datagrams: each is used or refused, and nothing is left."""

import asyncio
import random
import re
import socket

from aioice import stun
from aiortc import AudioStreamTrack, RTCPeerConnection

from streamer.web.peer import MediaSettings, Peer, PeerError, PeerSink
from streamer.web.trickle import read_fragment
from tests import fuzz
from tests.calls import Film, Page, call, run_leaving_nothing, until


async def real_offer():
    """As a browser writes it: video, sound, data."""
    page = Page()
    page.pc.addTrack(Film())
    page.pc.addTrack(AudioStreamTrack())
    sdp = await page.offer()
    await page.close()
    return sdp


def mutated(sdp, rng):
    """The offer with a few lines lost, doubled, moved, cut or garbled."""
    lines = sdp.splitlines()
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        line = lines.pop(at)
        lines[at:at] = rng.choice(GARBLINGS)(line, rng)
        if rng.random() < 0.2:
            lines.insert(rng.randrange(len(lines) + 1), line)
    return "\r\n".join(lines) + "\r\n"


GARBLINGS = (
    lambda line, rng: [],
    lambda line, rng: [line[: rng.randrange(len(line) + 1)]],
    lambda line, rng: [re.sub(r"\d+", lambda _: str(rng.choice((0, -1, 9, 2**40))), line)],
    lambda line, rng: [line + rng.choice((" ", ":", ";x=", "\0", "\u0394", " 1" * 500))],
    lambda line, rng: [" ".join(sorted(line.split(" "), key=lambda _: rng.random()))],
    lambda line, rng: [line.replace(rng.choice("aeiou0123:/= "), rng.choice("xyz09: "))],
)


async def try_offers(count, seed):
    """Answer mutated offers; how many were answered, and how many refused in one sentence."""
    sdp, rng = await real_offer(), random.Random(seed)
    answered = refused = 0
    for _ in range(count):
        peer = Peer(PeerSink(64, 48, 30), settings=MediaSettings(loopback=True))
        try:
            await peer.answer(mutated(sdp, rng), codec=rng.choice((None, "VP8", "H264", "x")))
            answered += 1
        except PeerError as error:
            refused += "\n" not in str(error)
        await peer.close()
    return answered, refused


@fuzz.long
def test_garbled_offers_are_answered_or_refused_and_leave_nothing():
    """Nothing else is raised, nothing hangs, and no connection stays."""
    count = fuzz.rounds(300)

    async def main():
        before = fuzz.count_of(RTCPeerConnection)
        answered, refused = await try_offers(count, 1)
        assert answered > count // 15
        assert refused == count - answered
        assert fuzz.count_of(RTCPeerConnection) <= before + 1  # the loop's last handle

    run_leaving_nothing(main)


CANDIDATES = """a=ice-ufrag:{user}
a=ice-pwd:KbX5m1s8lGxTf1wJq0gZs2Dg
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw
a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ srflx raddr 0.0.0.0 rport 9
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active
a=candidate:2154773085 1 udp 2122260223 2001:db8::1 61766 typ host
"""


@fuzz.long
def test_garbled_candidates_are_used_or_refused_and_leave_nothing():
    """Sent one by one to a peer that waits for its page."""

    async def main():
        rng, used, refused = random.Random(2), 0, 0
        sdp = await real_offer()
        text = CANDIDATES.format(user=re.search(r"a=ice-ufrag:(\S+)", sdp)[1])
        for number in range(fuzz.rounds(400)):
            if number % 20 == 0:
                peer = Peer(PeerSink(64, 48, 30), settings=MediaSettings(loopback=True))
                await peer.answer(sdp)
            try:
                await peer.add_candidates(read_fragment(mutated(text, rng)))
                used += 1
            except PeerError as error:
                refused += "\n" not in str(error)
            if number % 20 == 19:
                await peer.close()
        await peer.close()
        assert min(used, refused) > fuzz.rounds(400) // 20
        assert used + refused == fuzz.rounds(400)

    run_leaving_nothing(main)


def garbled(data, rng):
    """A datagram with some bytes changed, lost or said twice."""
    letters = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(letters) or 1)
        match rng.randrange(3):
            case 0:
                letters[at : at + 1] = rng.randbytes(1)
            case 1:
                del letters[at : at + rng.randint(1, 8)]
            case _:
                letters[at:at] = letters[at : at + 8]
    return bytes(letters)


@fuzz.long
def test_garbled_datagrams_do_not_disturb_a_call(caplog):
    """STUN as anybody can send it to the port of a call: the call goes on."""

    async def main():
        rng = random.Random(3)
        check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        check.attributes["USERNAME"] = "a:b"
        check.attributes["PRIORITY"] = 1
        check.attributes["ICE-CONTROLLING"] = 1
        check.add_message_integrity(b"a-wrong-password")
        seeds = [bytes(check), b"\x80\x60" + bytes(40), b"\x16\xfe\xfd" + bytes(60), b""]
        async with call(Film()) as (page, peer):
            port = _port_of(page.pc.remoteDescription.sdp)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for number in range(fuzz.rounds(600)):
                    stranger.sendto(garbled(rng.choice(seeds), rng), ("127.0.0.1", port))
                    if number % 20 == 0:
                        await asyncio.sleep(0)
            came = len(peer.camera._came)
            await until(lambda: len(peer.camera._came) > came + 5, "frames came")
            assert not peer.lost.is_set()

    run_leaving_nothing(main)


def _port_of(sdp):
    return int(re.search(r"a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) ", sdp)[1])
