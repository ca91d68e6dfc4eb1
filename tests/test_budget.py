"""How many bits a second there are, out of what the receiver says."""

import pytest

from streamer.clock import SECOND
from streamer.web.budget import Bitrates, Budget

RATES = Bitrates(start=1000, least=200, most=4000)


class Sender:
    """One that sends as much as it may, for so many seconds."""

    def __init__(self):
        self.now = 0
        self.budget = Budget(RATES, lambda: self.now)

    @property
    def kbps(self):
        return self.budget.bps // 1000

    def send(self, seconds=1):
        for _ in range(30 * seconds):
            self.now += SECOND // 30
            self.budget.sent(self.budget.bps // 8 // 30, None)
        return self

    def hear(self, *estimates, lost=None):
        for kbps in estimates:
            self.send()
            self.budget.estimate(kbps * 1000)
            if lost is not None:
                self.budget.lost(lost)
        return self


def test_much_loss_lowers_the_bitrate_at_once():
    """By half of its share, each time, and never below the least."""
    sender = Sender()
    sender.budget.lost(0.6)
    assert sender.kbps == 700
    sender.budget.lost(0.2)
    assert sender.kbps == 630
    for _ in range(20):
        sender.budget.lost(0.9)
    assert sender.kbps == 200


@pytest.mark.parametrize("share", [0.03, 0.1])
def test_some_loss_changes_nothing(share):
    """Air loses a little, however little is sent."""
    sender = Sender()
    sender.budget.lost(share)
    assert sender.kbps == 1000


def test_without_loss_it_grows_again():
    """Little by little, up to where it began; more is for the receiver to grant."""
    sender = Sender()
    sender.budget.lost(0.6)
    sender.budget.lost(0.0)
    assert sender.kbps == 735
    for _ in range(20):
        sender.budget.lost(0.0)
    assert sender.kbps == 1000


def test_an_estimate_that_stays_is_tried():
    """A receiver that was frightened once lets its estimate grow by 1 kbit/s at a time."""
    sender = Sender().hear(400, lost=0.0)
    assert sender.kbps == 420
    sender.hear(*[401] * 12, lost=0.0)
    assert 650 < sender.kbps < 800


def test_an_estimate_that_falls_is_believed():
    """Each time."""
    sender = Sender().hear(400, *[401] * 6, lost=0.0)
    assert sender.kbps > 500
    sender.hear(350)
    assert sender.kbps == 350


def test_loss_holds_back_what_estimates_grant():
    """The path may be narrow and its queue short, so that nothing is ever late on it."""
    sender = Sender()
    sender.budget.lost(0.5)
    sender.hear(3000)
    assert sender.kbps == 750
