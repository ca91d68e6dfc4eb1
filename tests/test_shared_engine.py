"""One engine for several runs: who is made together, and who waits."""

import threading
from dataclasses import replace

from streamer.generator.batch import batches
from tests.shares import LIMIT_S, Gated, crowd, gated, own


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
        thread.join(LIMIT_S)
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
