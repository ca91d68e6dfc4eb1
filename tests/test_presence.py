"""Hold, ease, idle and return."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

from engines.geometry import euler_deg, from_euler_deg
from streamer.clock import MS, SECOND
from streamer.retarget.presence import Presence, PresenceKeeper, blend, idle_motion, neutral_motion

STEP = 33 * MS


def talking():
    """What the driver did last."""
    return replace(
        neutral_motion(),
        rotation=from_euler_deg(12, 5, 3),
        aperture=0.3,
        deltas=np.full((468, 3), 0.02, np.float32),
    )


def equal(a, b, tolerance=1e-6):
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)]
    return all(np.allclose(x, y, atol=tolerance) for x, y in pairs)


def absent(ms, start=SECOND):
    """The keeper and what it shows `ms` after the face was lost."""
    keeper = PresenceKeeper()
    keeper.next(talking(), start - STEP)
    shown = [keeper.next(None, start + i * STEP) for i in range(ms * MS // STEP + 1)]
    return keeper, shown[-1]


def test_the_neutral_motion_is_no_motion():
    """The photo as it is, lips together, eyes open."""
    motion = neutral_motion()
    assert np.array_equal(motion.rotation, np.eye(3))
    assert not np.concatenate([motion.deltas.ravel(), motion.translation, motion.gaze]).any()
    assert (motion.scale, motion.aperture, motion.jaw) == (1, 0, 0)
    assert (motion.openness == 1).all()


def test_a_tracked_driver_is_shown_from_the_first_frame():
    """No blend from nowhere at the start."""
    keeper = PresenceKeeper()
    assert equal(keeper.next(talking(), 5 * SECOND), talking())
    assert keeper.state is Presence.TRACKED


@pytest.mark.parametrize(
    ("ms", "state"),
    [(0, Presence.HOLD), (250, Presence.HOLD), (400, Presence.EASE), (650, Presence.EASE),
     (800, Presence.IDLE), (5000, Presence.IDLE)],
)  # fmt: skip
def test_states_follow_each_other_in_time(ms, state):
    """Hold for 300 ms, ease for 400, then idle."""
    assert absent(ms)[0].state is state


def test_hold_keeps_the_last_motion():
    """A lost frame or two does not show."""
    assert equal(absent(250)[1], talking())


def test_ease_ends_in_idle_life():
    """The lips are together, the head nearly straight, the expression gone."""
    shown = absent(1500)[1]
    assert shown.aperture == 0
    assert not shown.deltas.any()
    assert np.abs(euler_deg(shown.rotation)).max() < 3


def test_return_blends_from_what_is_shown():
    """Back within 200 ms, without a step at the beginning."""
    keeper, before = absent(5000)
    at = 6 * SECOND + STEP
    first = keeper.next(talking(), at)
    assert keeper.state is Presence.RETURN
    assert equal(first, before, 0.02)
    assert equal(keeper.next(talking(), at + 210 * MS), talking())
    assert keeper.state is Presence.TRACKED


def test_who_comes_into_an_idle_picture_is_blended_in():
    """A picture that idled since the start does not jump to its first driver."""
    keeper = PresenceKeeper()
    shown = [keeper.next(None, SECOND + i * STEP) for i in range(60)]
    first = keeper.next(talking(), SECOND + 60 * STEP)
    assert equal(first, shown[-1], 0.05)


def test_no_step_of_a_gap_is_a_jump():
    """Sampled finely, nothing but the blinks changes by more than a trace at once."""
    keeper, step = PresenceKeeper(), 2 * MS
    gap = range(1000, 3500)
    shown = [keeper.next(None if i in gap else talking(), i * step) for i in range(500, 4000)]
    for a, b in pairwise(shown):
        assert equal(replace(a, openness=b.openness), b, 0.012)


def test_a_face_lost_while_returning_is_held_where_it_is():
    """Losing it again goes on from what is shown."""
    keeper, _ = absent(5000)
    at = 6 * SECOND + STEP
    half = [keeper.next(talking(), at + i * STEP) for i in range(4)][-1]
    assert equal(keeper.next(None, at + 4 * STEP), half)
    assert keeper.state is Presence.HOLD


def test_filters_start_anew_after_a_gap_and_not_otherwise():
    """`fresh` is true before the first face and after each loss."""
    keeper = PresenceKeeper()
    assert keeper.fresh
    keeper.next(talking(), SECOND)
    assert not keeper.fresh
    keeper.next(None, SECOND + STEP)
    assert keeper.fresh


def test_idle_life_blinks_every_few_seconds():
    """In a minute ten to twenty blinks, each shut for a moment; the lids are open in between."""
    keeper = PresenceKeeper(seed=3)
    frames = range(60 * SECOND // STEP)
    openness = np.array([keeper.next(None, i * STEP).openness[0] for i in frames])
    blinks = np.diff((openness < 0.5).astype(int)).clip(0).sum()
    assert 8 <= blinks <= 21
    assert np.median(openness) == 1
    assert openness.min() < 0.15


def test_idle_life_is_small_and_without_end():
    """After a day it sways as gently as in the first minute."""
    for at in (0, 3 * SECOND, 86_400 * SECOND):
        motion = idle_motion(at, at + SECOND)
        assert np.abs(euler_deg(motion.rotation)).max() < 3
        assert np.abs(motion.translation).max() < 0.01


def test_blend_runs_from_one_to_the_other():
    """The ends are exact, rotations take the shortest turn and stay rotations."""
    a, b = neutral_motion(), talking()
    assert blend(a, b, 0) is a
    assert blend(a, b, 1) is b
    half = blend(a, b, 0.5)
    assert half.aperture == pytest.approx(0.15)
    assert np.allclose(half.rotation @ half.rotation, b.rotation, atol=1e-5)
