"""Runs that share an engine, for tests: gates, users, crowds."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from engines.contract import Contract
from streamer.engine.protocol import Job
from streamer.errors import EngineError
from streamer.generator.batch import Share, SharedEngine
from tests.neural import frame, still
from tests.refiners import FakeEngine

CONTRACT = Contract("xs", 32, 16, 24)
DRAWS = Contract("xs", 32, 16, 24, 1, "source", (16, 24))
LIMIT_S = 30


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
        assert self.gate.acquire(timeout=LIMIT_S)
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
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()
        return self


def until(true):
    end = time.monotonic() + LIMIT_S
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
