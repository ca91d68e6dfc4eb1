"""Hundreds of damaged requests: each is answered, none breaks anything."""

import asyncio
import json
import logging
import random

from streamer.web.offer import read_offer
from streamer.web.session import Session
from tests import fuzz
from tests.fakes import FakeClock
from tests.offers import offer
from tests.webs import World, until

EDIT = '{"gains": {"mouth": 1.5, "eyes": 0.5}, "mirror": true, "portrait": "ada"}'
GOOD = json.dumps({"sdp": offer("sendrecv"), "type": "offer", "codec": "VP8"})
ODD = (0, 9, 10, 34, 92, 0x7F, 0x20AC, 0x1F600)


def mutated(text, dice):
    """The text with a few letters changed, left out or said twice."""
    letters = list(text)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(letters) or 1)
        length = dice.randrange(1, 30)
        match dice.randrange(4):
            case 0:
                letters[at : at + 1] = chr(dice.choice(ODD))
            case 1:
                del letters[at : at + length]
            case 2:
                letters[at:at] = letters[at : at + length]
            case _:
                letters[at : at + 1] = dice.choice("0123456789:{}[],\"'")
    return "".join(letters).encode("utf-8", "surrogatepass")


def checking(peer):
    """The peer looks at offers as a true one does."""

    async def answer(sdp, *, codec=None):
        read_offer(sdp)
        return "v=0"

    peer.answer = answer


async def codes_of(world, clock, dice):
    """The statuses of all rounds: an offer and an edit in each."""
    opened = await world.begin(sdp=offer("sendrecv"))
    path = f"/api/sessions/{opened['id']}/controls"
    codes = set()
    for _ in range(fuzz.rounds(500)):
        clock.advance(10_000)
        codes.add((await world.ask("POST", "/api/sessions", data=mutated(GOOD, dice)))[0])
        body = mutated(EDIT, dice)
        codes.add((await world.ask("PATCH", path, key=opened["key"], data=body))[0])
        for session in world.sessions.all[1:]:
            session.end("left")
    assert (await world.status(opened))["state"] == "running"
    return codes


@fuzz.long
def test_mutations_of_offers_and_edits_do_no_harm(caplog):
    """None is a failure of ours, none ends the session that was there, none leaves one."""

    async def main():
        before = fuzz.count_of(Session)
        world = World(requests_per_s=10_000, max_sessions=64)
        world.clock = clock = FakeClock()
        world.prepare = checking
        async with world.serving():
            codes = await codes_of(world, clock, random.Random(1))
            await until(lambda: len(world.sessions.all) == 1)
            world.peers.clear()
            world.lives.clear()
            world.opened.clear()
            return codes, fuzz.count_of(Session) - before, len(world.sessions._visitors._known)

    codes, sessions, visitors = asyncio.run(main())
    assert sessions == 1
    assert visitors <= 1000
    assert codes <= {200, 201, 400, 413, 422, 503}
    assert {200, 201, 400, 422} <= codes
    ours = [record for record in caplog.records if record.name.startswith("streamer")]
    assert not [record for record in ours if record.levelno >= logging.WARNING]
