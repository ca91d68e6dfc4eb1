"""When an engine that took too long is timed again."""

import pytest

from streamer.clock import SECOND
from streamer.engine.patience import Patience


class FakeClock:
    def __init__(self):
        self.now_ns = 7 * SECOND

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return FakeClock()


def test_what_is_narrowly_too_slow_is_due_again(clock):
    """Some seconds later, once; and not before."""
    patience = Patience(clock)
    assert patience.refused("m", 25, 20)
    assert patience.due() is None
    assert patience.wait_s() == 5
    clock.now_ns += 5 * SECOND
    assert patience.wait_s() == 0
    assert patience.due() == "m"
    assert patience.due() is None
    assert patience.wait_s() is None


def test_what_is_far_too_slow_is_refused_for_good(clock):
    """As where there is no room at all."""
    patience = Patience(clock)
    assert not patience.refused("m", 41, 20)
    assert not patience.refused("s", 5, -1)
    clock.now_ns += 3600 * SECOND
    assert patience.due() is None
    assert patience.wait_s() is None


def test_it_gives_up_in_the_end(clock):
    """After longer and longer pauses: what is still too slow then is."""
    patience, pauses = Patience(clock), []
    while patience.refused("m", 21, 20):
        pauses.append(patience.wait_s())
        clock.now_ns += int(pauses[-1] * SECOND)
        assert patience.due() == "m"
    assert pauses == sorted(pauses)
    assert len(pauses) == 3
    assert sum(pauses) < 120


def test_several_wait_each_for_itself(clock):
    """The one that was refused first comes first."""
    patience = Patience(clock)
    patience.refused("m", 25, 20)
    clock.now_ns += 2 * SECOND
    patience.refused("s", 25, 20)
    assert patience.wait_s() == 3
    clock.now_ns += 3 * SECOND
    assert patience.due() == "m"
    assert patience.due() is None
    assert patience.wait_s() == 2
    clock.now_ns += 2 * SECOND
    assert patience.due() == "s"
