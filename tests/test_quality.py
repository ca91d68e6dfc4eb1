"""The quality ladder: down when the budget is exceeded, up with patience, never swinging."""

from itertools import pairwise

from streamer.clock import SECOND
from streamer.metrics import Recent, Spread
from streamer.quality import Governor

BUDGET_MS = 66.0


def recent(p95: float | None = 20.0, late: float = 0.0) -> Recent:
    age = None if p95 is None else Spread(p95 / 2, p95, p95, p95)
    return Recent(30, 30, 0, late, age, {})


def play(governor: Governor, seconds: float, look) -> list[int]:
    """The levels chosen, looking twice a second; `look` makes the figures of a level."""
    levels, level = [], 0
    start = play.now
    while play.now - start < seconds * SECOND:
        level = governor.see(look(level), play.now)
        levels.append(level)
        play.now += SECOND // 2
    return levels


play.now = 0


def test_an_easy_machine_stays_at_the_best():
    """Nothing to do."""
    assert set(play(Governor(3, BUDGET_MS), 60, lambda _: recent())) == {0}


def test_ages_beyond_the_budget_lower_the_quality_step_by_step():
    """One step at a time, with time to see what it did; never below the last."""
    levels = play(Governor(3, BUDGET_MS), 30, lambda _: recent(90))
    assert levels[0] == 0  # the start tells nothing yet
    assert levels[-1] == 2
    assert all(b - a in (0, 1) for a, b in pairwise(levels))
    assert levels.count(1) >= 5


def test_late_frames_lower_it_even_when_those_shown_are_young():
    """Drops keep the ages low, and are no better."""
    assert play(Governor(2, BUDGET_MS), 10, lambda _: recent(30, late=0.2))[-1] == 1


def test_it_rises_again_after_ten_easy_seconds():
    """Not before."""
    governor = Governor(3, BUDGET_MS)
    play(governor, 4, lambda _: recent(90))
    levels = play(governor, 30, lambda _: recent(20))
    rise = levels.index(0)
    assert 20 <= rise <= 30
    assert set(levels[rise:]) == {0}


def test_just_within_the_budget_is_no_reason_to_rise():
    """A better picture would exceed it at once."""
    governor = Governor(3, BUDGET_MS)
    play(governor, 4, lambda _: recent(90))
    assert set(play(governor, 120, lambda _: recent(60))) == {1}


def test_a_machine_between_two_steps_does_not_swing():
    """Each try that fails doubles the time until the next."""
    levels = play(Governor(2, BUDGET_MS), 1200, lambda level: recent(90 if level == 0 else 30))
    rises = [i for i, (a, b) in enumerate(pairwise(levels)) if b < a]
    assert 2 <= len(rises) <= 8
    gaps = [b - a for a, b in pairwise(rises)]
    assert gaps == sorted(gaps)


def test_a_rise_that_holds_makes_it_patient_no_more():
    """A short overload an hour later is over as quickly as the first."""
    governor = Governor(2, BUDGET_MS)
    play(governor, 60, lambda level: recent(90 if level == 0 else 30))
    play(governor, 600, lambda _: recent(20))
    play(governor, 4, lambda _: recent(90))
    levels = play(governor, 60, lambda _: recent(20))
    assert levels.index(0) <= 30


def test_without_pictures_nothing_is_decided():
    """The camera is away: neither slow nor easy."""
    assert set(play(Governor(2, BUDGET_MS), 30, lambda _: recent(None))) == {0}


def test_it_tells_when_nothing_is_left_to_lower():
    """Then only the person can help: told after ten seconds, not at the first bad one."""
    governor = Governor(2, BUDGET_MS)
    play(governor, 8, lambda _: recent(90))
    assert not governor.helpless
    play(governor, 8, lambda _: recent(90))
    assert governor.helpless
    play(governor, 1, lambda _: recent(20))
    assert not governor.helpless


def test_a_best_step_that_is_the_only_one_can_be_helpless_too():
    """A ladder of one step."""
    governor = Governor(1, BUDGET_MS)
    assert set(play(governor, 20, lambda _: recent(90))) == {0}
    assert governor.helpless


def test_steps_that_cannot_be_shown_are_passed_over():
    """Down and up again: only what is usable is chosen."""
    usable = {2, 4, 5}
    governor = Governor(6, BUDGET_MS, usable.__contains__)
    levels = play(governor, 30, lambda _: recent(90))
    assert sorted(set(levels)) == [0, 4, 5]
    levels = play(governor, 200, lambda _: recent(10))
    assert sorted(set(levels)) == [2, 4, 5]
    usable.discard(2)
    assert set(play(governor, 30, lambda _: recent(90))[-5:]) == {5}


def test_a_step_that_comes_later_is_not_taken_for_one_that_was_left():
    """Nothing was lowered, so nothing has to be raised: the best is shown once it is there."""
    usable = {3}
    governor = Governor(4, BUDGET_MS, usable.__contains__)
    assert set(play(governor, 20, lambda _: recent(10))) == {0}
    usable.add(1)
    assert set(play(governor, 20, lambda _: recent(10))) == {0}
    assert play(governor, 20, lambda _: recent(90))[-1] == 3
