"""One engine for several runs: who is made together, who waits, and what an end of it means."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract
from streamer.engine.protocol import Job
from streamer.errors import EngineError
from streamer.generator.batch import Share, SharedEngine, batches
from tests.neural import frame, still
from tests.refiners import FakeEngine

CONTRACT = Contract("xs", 32, 16, 24)
DRAWS = Contract("xs", 32, 16, 24, 1, "source", (16, 24))
_S = 30


class Gated(FakeEngine):
    """Waits in every run until it may go on, and notes what it runs with whom."""

    def __init__(self, contract=CONTRACT, *, device="cuda:0 (a card)", held=False):
        super().__init__(contract)
        self.facts = replace(self.facts, device=device)
        self.lots, self.threads = [], []
        self.gate = threading.Semaphore(0 if held else 10**6)
        self.begun = threading.Semaphore(0)

    def run(self, jobs):
        assert self.open
        self.lots.append([job.bound for job in jobs])
        self.threads.append(threading.current_thread())
        self.begun.release()
        assert self.gate.acquire(timeout=_S)
        return super().run(jobs)


class User:
    """A run with a portrait of its own, on a thread of its own."""

    def __init__(self, shared, seed, jobs=1):
        self.share = Share(shared)
        contract = shared.facts.contract
        self.bound = [self.share.bind(still(contract, seed + 10 * n)) for n in range(jobs)]
        self.frames = [frame(contract, seed + 10 * n) for n in range(jobs)]
        self.made, self.error = None, None

    def draw(self):
        try:
            self.made = self.share.run(
                [Job(*one) for one in zip(self.bound, self.frames, strict=True)]
            )
        except EngineError as error:
            self.error = error

    def start(self):
        """Draw beside the others, and be seen to wait or to run."""
        self.thread = threading.Thread(target=self.draw)
        before = len(self.share._engine._waiting) + len(self.share._engine._going)
        self.thread.start()
        until(lambda: self._is_there(before))
        return self

    def _is_there(self, before):
        engine = self.share._engine
        return not self.thread.is_alive() or len(engine._waiting) + len(engine._going) > before

    def end(self):
        self.thread.join(_S)
        assert not self.thread.is_alive()
        return self


def until(true):
    end = time.monotonic() + _S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


@contextmanager
def crowd(count, *engines, held=True, jobs=1):
    """So many users of one engine, and larger ones."""
    shared = SharedEngine(engines[0])
    for larger in engines[1:]:
        assert shared.add(larger)
    before = set(threading.enumerate())
    yield shared, [User(shared, seed, jobs) for seed in range(count)]
    shared.close()
    assert not any(engine.open for engine in engines)
    assert set(threading.enumerate()) <= before


def gated(*sizes, contract=CONTRACT, **more):
    return [Gated(replace(contract, batch=size), **more) for size in sizes]


def own(user):
    """What is made of the user's own picture."""
    return all(
        np.array_equal(made.picture, 255 - given.picture)
        for made, given in zip(user.made, user.frames, strict=True)
    )


def test_who_is_alone_runs_at_once_on_the_own_thread():
    """There is no thread in between, and no batch is waited for."""
    one, two = gated(1, 2)
    with crowd(1, one, two) as (shared, (user,)):
        user.draw()
        assert own(user)
        assert (one.threads, two.threads) == ([threading.current_thread()], [])
        assert shared.counts == ({1: 1}, 1)


def test_those_who_come_while_it_runs_are_in_the_next_go_together():
    """Padded to the next batch there is; each gets its own picture."""
    one, four = gated(1, 4, held=True)
    with crowd(4, one, four) as (shared, (first, *late)):
        first.start()
        one.begun.acquire()
        for user in late:
            user.start()
        assert not four.lots
        one.gate.release()
        assert own(first.end())
        four.begun.acquire()
        four.gate.release()
        assert all(own(user.end()) for user in late)
        assert (len(one.lots), [len(lot) for lot in four.lots]) == (1, [3])
        assert len({bound.still["rest"].tobytes() for bound in four.lots[0]}) == 3
        assert shared.counts == ({1: 1, 4: 1}, 4)


def test_a_late_job_is_not_waited_for():
    """It comes into the go after that; one after the other where only one fits."""
    (one,) = gated(1, held=True, device="CPU")
    with crowd(3, one) as (_, users):
        order = []
        for user in users:
            user.start()
        for _ in users:
            one.begun.acquire()
            order.append(one.lots[-1])
            one.gate.release()
        assert all(own(user.end()) for user in users)
        firsts = [user.bound[0].on(one) for user in users]
        assert order == [[bound] for bound in firsts]


def test_one_who_asks_without_pause_delays_the_others_by_one_run():
    """In turns, however soon the one comes again."""
    (one,) = gated(1, held=True, device="CPU")
    with crowd(2, one) as (_, (greedy, modest)):
        thread = threading.Thread(target=lambda: [greedy.draw() for _ in range(4)])
        thread.start()
        for _ in range(3):
            one.begun.acquire()
            modest.start()
            one.gate.release()
            one.begun.acquire()
            assert one.lots[-1] == [modest.bound[0].on(one)]
            one.gate.release()
            assert own(modest.end())
        one.gate.release()
        thread.join(_S)
        assert own(greedy)
        assert len(one.lots) == 7


def test_what_does_not_fit_into_the_batch_waits_for_the_next_go():
    """Jobs of one run stay together: mouth and eyes come two at a time."""
    two, four = gated(2, 4, held=True)
    with crowd(4, two, four, jobs=2) as (_, users):
        for user in users:
            user.start()
        two.gate.release(8)
        four.gate.release(8)
        assert all(own(user.end()) for user in users)
        assert [len(lot) for lot in two.lots + four.lots] == [2, 2, 4]
        assert [len(lot) for lot in four.lots] == [4]


def test_more_jobs_than_any_batch_are_the_engines_own_affair():
    """It runs them in lots."""
    (one,) = gated(1)
    with crowd(1, one, jobs=3) as (shared, (user,)):
        user.draw()
        assert own(user)
        assert shared.counts == ({1: 3}, 3)


def test_a_processor_has_no_larger_batch_and_a_gpu_has_as_large_as_needed():
    """By the number of users and what each asks for at once."""
    facts = {device: Gated(device=device).facts for device in ("CPU", "cpu", "GPU.0", "cuda:1 (X)")}
    for device in ("CPU", "cpu", "GPU.0"):
        assert batches(facts[device], 8) == (1,)
    card = facts["cuda:1 (X)"]
    assert [batches(card, n)[-1] for n in (1, 2, 3, 4, 5, 8, 9)] == [1, 2, 4, 4, 8, 8, 8]
    both = replace(card, contract=replace(card.contract, batch=2))
    assert [batches(both, n) for n in (1, 2, 3)] == [(2,), (2, 4), (2, 4, 8)]


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
        thread.join(_S)
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
