"""What is done when a peer lacks a packet."""

import asyncio

from aiortc.rtp import RtpPacket

from streamer.clock import MS
from streamer.web.again import Again


class Sender:
    """Remembers what it was asked for; its history holds the packets 200 to 327, of 1000 bytes."""

    def __init__(self, kbps=8000):
        self.sent, self.keyframes, self.now = [], 0, 0
        self.history = {n % 128: _packet(n) for n in range(200, 328)}
        self.again = Again(
            self.history, self.resend, self.force, lambda: kbps * 1000, lambda: self.now
        )

    async def resend(self, number):
        self.sent.append(number)

    def force(self):
        self.keyframes += 1

    def ask(self, *numbers):
        for number in numbers:
            asyncio.run(self.again.send(number))


def _packet(number):
    return RtpPacket(sequence_number=number, payload=bytes(1000))


def test_a_packet_that_is_still_known_is_sent_again():
    """And the picture it belongs to needs no other."""
    sender = Sender()
    sender.ask(200, 327)
    assert (sender.sent, sender.keyframes) == ([200, 327], 0)


def test_for_packets_that_are_forgotten_there_is_one_keyframe():
    """However many they are, and however often they are asked for."""
    sender = Sender()
    sender.ask(100, 101, 199)
    sender.now += 100 * MS
    sender.ask(100, 101, 199)
    assert (sender.sent, sender.keyframes) == ([], 1)


def test_a_keyframe_that_was_lost_is_followed_by_another():
    """After a while."""
    sender = Sender()
    sender.ask(100)
    sender.now += 400 * MS
    sender.ask(100)
    assert sender.keyframes == 2


def test_the_first_packet_may_be_forgotten_at_once():
    """Where nothing was sent yet, a strange question does no harm."""
    forced = []

    async def never(_):
        raise AssertionError

    asyncio.run(Again({}, never, lambda: forced.append(1), lambda: 1000).send(7))
    assert forced == [1]


def test_a_packet_is_sent_again_at_ever_greater_intervals():
    """Its answer may be on its way: each that is sent too many makes the path narrower."""
    sender = Sender()
    for _ in range(61):
        sender.ask(200)
        sender.now += 10 * MS
    assert len(sender.sent) == 5  # at 0, 30, 90, 210 and 450 ms


def test_a_packet_that_takes_the_place_of_an_older_one_is_sent_at_once():
    """It was never asked for."""
    sender = Sender()
    sender.ask(200)
    sender.history[200 % 128] = _packet(328)
    sender.ask(328)
    assert sender.sent == [200, 328]


def test_no_more_is_sent_again_than_the_path_carries():
    """What is new has to go through it, too: a quarter of a second's worth at once."""
    sender = Sender(kbps=80)
    sender.ask(*range(200, 328))
    assert sender.sent == [200, 201]  # of 10 kB a second
    sender.now += 100 * MS
    sender.ask(*range(300, 328))
    assert sender.sent[2:] == [300]


def test_one_keyframe_answers_many_wishes():
    """A browser asks until the picture is whole, whose packets are on their way."""
    sender = Sender()
    for _ in range(30):
        sender.again.keyframe()
        sender.now += 20 * MS
    assert sender.keyframes == 2
