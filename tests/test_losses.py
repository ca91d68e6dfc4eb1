"""What is lost on a path, out of a receiver's reports."""

from streamer.clock import MS
from streamer.web.losses import Losses


def shares(*reports):
    """What each report (ms, lost so far, highest number) says."""
    now = 0
    losses = Losses(lambda: now * MS)
    found = []
    for ms, lost, highest in reports:
        now = ms
        found.append(losses.share(lost, highest))
    return found


def test_the_share_is_that_of_the_time_since_the_last_answer():
    """And the first report only begins to count."""
    assert shares((0, 90, 100), (500, 90, 200), (1000, 140, 300)) == [None, 0.0, 0.5]


def test_reports_that_follow_each_other_closely_are_taken_together():
    """A browser sends one with each question."""
    reports = shares((0, 0, 0), (20, 15, 15), (40, 15, 30), (400, 30, 120))
    assert reports == [None, None, None, 0.25]


def test_few_packets_tell_nothing_yet():
    """One of two is not half of the path."""
    assert shares((0, 0, 0), (500, 1, 2), (1000, 1, 20)) == [None, None, 0.05]


def test_packets_that_come_late_after_all_are_no_loss():
    """Reports then take them back."""
    assert shares((0, 20, 100), (500, 0, 200)) == [None, 0.0]


def test_a_receiver_that_begins_anew_is_counted_anew():
    """Its numbers fall."""
    assert shares((0, 50, 1000), (500, 0, 20), (1000, 10, 70)) == [None, None, 0.2]
