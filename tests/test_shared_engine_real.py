"""Several runs on one real engine: each gets bit for bit what an engine of its own gives it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract
from streamer.engine.openvino import OpenVinoEngine, best_precision
from streamer.engine.protocol import Job
from streamer.engine.sample import sample
from streamer.engine.stock import unlearned
from streamer.generator.batch import Share, SharedEngine
from tests.shares import until

BOTH = Contract("xs", 128, 96, 128, 2)
"""two at once"""
FACE = Contract("xs", 192, 120, 160)
DRAWS = Contract("xs", 128, 96, 128, 1, "source", (96, 128))
PRECISIONS = sorted({"f32", best_precision("CPU")})
WEIGHTS = unlearned("xs", 3)
_S = 100


class Held:
    """A real engine that can be held back, on whatever device one says; it notes its lots."""

    def __init__(self, engine, device=None):
        self._engine = engine
        self.facts = replace(engine.facts, device=device or engine.facts.device)
        self.bind, self.close = engine.bind, engine.close
        self.gate, self.lots = threading.Event(), []
        self.gate.set()

    def run(self, jobs):
        self.lots.append(len(jobs))
        assert self.gate.wait(_S)
        return self._engine.run(jobs)


def alone(engine, seed):
    """What the engine makes for one who has it alone."""
    still, frame = sample(engine.facts.contract, seed)
    return engine.run([Job(engine.bind(still), frame)])[0]


def shared(engine, seeds):
    """What users get who all come while it is busy, in the order of seeds."""
    together = SharedEngine(engine)
    asked = []
    for seed in seeds:
        share = Share(together)
        still, frame = sample(engine.facts.contract, seed)
        asked.append((share, Job(share.bind(still), frame)))
    engine.gate.clear()
    with ThreadPoolExecutor(len(asked)) as pool:
        drawn = []
        for number, (share, job) in enumerate(asked):
            drawn.append(pool.submit(share.run, [job]))
            until(lambda n=number: len(together._waiting) + len(together._going) > n)
        engine.gate.set()
        made = [one.result()[0] for one in drawn]
    return made, together


def differ(one, other):
    """By how much, of 255."""
    return np.abs(one.picture.astype(int) - other.picture).max()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_different_portraits_in_one_go_are_as_each_alone(precision):
    """Two at once, whole and padded."""
    with OpenVinoEngine(BOTH, WEIGHTS, precision=precision) as engine:
        made, together = shared(held := Held(engine), (1, 2, 3, 4))
        assert held.lots == [1, 2, 1]
        assert together.counts == ({2: 3}, 4)
        for seed, one in zip((1, 2, 3, 4), made, strict=True):
            own = alone(engine, seed)
            np.testing.assert_array_equal(one.picture, own.picture)
            np.testing.assert_array_equal(one.gates, own.gates)
        assert differ(made[0], made[1]) > 20


@pytest.mark.parametrize("precision", PRECISIONS)
def test_runs_that_take_turns_get_what_is_theirs(precision):
    """From as many threads, over and over, one picture at a time."""
    with OpenVinoEngine(FACE, WEIGHTS, precision=precision) as engine:
        own = [alone(engine, seed).picture for seed in range(3)]
        together = SharedEngine(engine)

        def draw(seed):
            share = Share(together)
            still, frame = sample(FACE, seed)
            bound = share.bind(still)
            return [share.run([Job(bound, frame)])[0].picture for _ in range(5)]

        with ThreadPoolExecutor(3) as pool:
            for seed, made in enumerate(pool.map(draw, range(3))):
                assert all(np.array_equal(picture, own[seed]) for picture in made)
        assert together.counts == ({1: 15}, 15)


def test_graphs_that_draw_move_over_to_a_larger_batch():
    """By torch, as it were on a GPU: to a level of 255, with what was patched meanwhile."""
    pytest.importorskip("torch")
    from streamer.engine.eager import TorchEngine  # noqa: PLC0415

    first = Held(TorchEngine(DRAWS, WEIGHTS), "cuda:0 (as it were)")
    larger = Held(TorchEngine(replace(DRAWS, batch=4), WEIGHTS), "cuda:0 (as it were)")
    together = SharedEngine(first)
    assert together.add(larger)
    place = (slice(30, 60), slice(40, 90))
    users = []
    for seed in range(4):
        share = Share(together)
        still, frame = sample(DRAWS, seed)
        users.append((share, Job(share.bind(still), frame)))
    for round_ in range(2):
        patch = np.full((30, 50, 4), 255 - 200 * round_, np.uint8)
        own = []
        for _, job in users:
            job.bound.patch(*place, patch)
            own.append(first._engine.run([replace(job, bound=job.bound.on(first))])[0])
        first.gate.clear()
        with ThreadPoolExecutor(4) as pool:
            drawn = []
            for number, (share, job) in enumerate(users):
                drawn.append(pool.submit(share.run, [job]))
                until(lambda n=number: len(together._waiting) + len(together._going) > n)
            first.gate.set()
            made = [one.result()[0] for one in drawn]
        assert (first.lots, larger.lots) == ([1] * (round_ + 1), [3] * (round_ + 1))
        assert max(differ(one, other) for one, other in zip(made, own, strict=True)) <= 1
    together.close()
