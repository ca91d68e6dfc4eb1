"""What is done when a peer lacks a packet."""

import asyncio

from aiortc.rtp import RtpPacket

from streamer.clock import MS
from streamer.web.again import Again


class Sender:
    """Remembers what it was asked for; its history holds the packets 200 to 327."""

    def __init__(self):
        self.sent, self.keyframes, self.now = [], 0, 0
        history = {n % 128: RtpPacket(sequence_number=n) for n in range(200, 328)}
        self.again = Again(history, self.resend, self.force, lambda: self.now)

    async def resend(self, number):
        self.sent.append(number)

    def force(self):
        self.keyframes += 1

    def ask(self, *numbers):
        for number in numbers:
            asyncio.run(self.again.send(number))


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

    asyncio.run(Again({}, never, lambda: forced.append(1)).send(7))
    assert forced == [1]
