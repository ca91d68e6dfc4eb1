"""One engine for several runs: what a failure and an end of it mean to each."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from streamer.errors import EngineError
from streamer.generator.batch import SharedEngine
from tests.neural import frame, still
from tests.shares import CONTRACT, DRAWS, LIMIT_S, crowd, gated, own


def test_a_failure_is_told_to_all_who_run_and_wait():
    """And at once to whoever comes later; nobody waits for ever."""
    one, two = gated(1, 2, held=True)
    with crowd(4, one, two) as (shared, (first, *others)):
        first.start()
        one.begun.acquire()
        for user in others:
            user.start()
        one.broken = "GPU lost"
        one.gate.release()
        for user in (first, *others):
            assert str(user.end().error) == "GPU lost"
        assert shared.is_lost
        first.draw()
        assert "GPU lost" in str(first.error)
        with pytest.raises(EngineError, match="GPU lost"):
            first.share.bind(still(CONTRACT))


def test_an_unforeseen_failure_leaves_nobody_waiting():
    """It is raised where it happened; the others are told."""
    (one,) = gated(1, held=True)
    with crowd(2, one) as (_, (first, second)):
        one._change = None
        caught = []

        def draw():
            try:
                first.draw()
            except TypeError as error:
                caught.append(error)

        thread = threading.Thread(target=draw)
        thread.start()
        one.begun.acquire()
        second.start()
        one.gate.release()
        thread.join(LIMIT_S)
        assert len(caught) == 1
        assert "the engine failed: TypeError" in str(second.end().error)


def test_closing_ends_the_wait_and_the_engine_after_its_last_run():
    """What is being run gets its picture; the engine is not freed below it."""
    (one,) = gated(1, held=True)
    with crowd(2, one) as (shared, (first, second)):
        first.start()
        one.begun.acquire()
        second.start()
        shared.close()
        assert "closed" in str(second.end().error)
        assert one.open
        one.gate.release()
        assert own(first.end())
        assert not one.open


def test_a_share_that_is_closed_leaves_the_others_alone():
    """What it waits for is given up, what is bound for it is freed."""
    (one,) = gated(1, held=True)
    with crowd(3, one) as (_, (first, gone, last)):
        first.start()
        one.begun.acquire()
        gone.start()
        last.start()
        gone.share.close()
        assert "closed" in str(gone.end().error)
        one.gate.release(2)
        assert own(first.end())
        assert own(last.end())
        assert [bound.open for bound in one.bound] == [True, False, True]
        gone.draw()
        assert "closed" in str(gone.error)


def test_a_job_that_does_not_fit_hurts_only_its_own_run():
    """A frame of another size, or somebody else's portrait."""
    (one,) = gated(1)
    with crowd(2, one) as (shared, (odd, other)):
        odd.frames = [frame(replace(CONTRACT, width=8))]
        odd.draw()
        assert "picture is (16, 8, 3) uint8" in str(odd.error)
        odd.frames, odd.bound = other.frames, other.bound
        odd.draw()
        assert "bound to another engine" in str(odd.error)
        assert not shared.is_lost
        other.draw()
        assert own(other)


def test_a_portrait_that_moves_to_a_larger_batch_is_as_it_is_now():
    """What was patched before and since, once each; who stays on the first one copies nothing."""
    one, two = gated(1, 2, contract=DRAWS)
    with crowd(2, one, two) as (_, (first, second)):
        patch = np.full((4, 5, 4), 9, np.uint8)
        place = (slice(2, 6), slice(3, 8))
        first.bound[0].patch(*place, patch)
        bound = first.bound[0].on(two)
        assert (bound.still["texture"][place] == 9).all()
        for level in (7, 8):
            first.bound[0].patch(*place, patch - 9 + level)
        assert first.bound[0].on(two) is bound
        assert (bound.still["texture"][place] == 8).all()
        assert len(bound.patches) == 1
        assert (first.bound[0].on(one).still["texture"][place] == 8).all()
        assert not (second.bound[0].on(two).still["texture"][place] == 8).all()
        first.share.close()
        assert not bound.open


def test_without_room_for_a_portrait_on_the_larger_batch_it_is_given_up(caplog):
    """The pictures come from the smaller one, and the reason is told."""
    one, two = gated(1, 2, held=True)
    with crowd(3, one, two) as (shared, users):
        two.broken = "cuda:0 has no memory left"
        for user in users:
            user.start()
        one.gate.release(8)
        assert all(own(user.end()) for user in users)
        assert shared.batches == (1,)
        assert shared.is_full
        assert not two.open
        assert not shared.add(gated(4)[0])
        assert "no memory left" in caplog.text


def test_an_engine_of_another_kind_is_not_taken():
    """Nor one that comes too late."""
    one, two, other, late = gated(1, 2, 2, 4)
    other.facts = replace(other.facts, contract=replace(DRAWS, batch=2))
    shared = SharedEngine(one)
    assert shared.add(two)
    assert not shared.add(other)
    assert not other.open
    shared.close()
    assert not shared.add(late)
    assert not late.open
