"""A GPU that is not there: what is queued happens only when it is waited for."""

from collections.abc import Callable
from contextlib import contextmanager

import numpy as np

from streamer.clock import SECOND
from streamer.engine.cards import Card
from streamer.engine.cuda import ANSWER_NS, GpuFullError, GpuLostError, Room
from streamer.errors import EngineError

CARD = Card(0, "NVIDIA Fake 1", "8.9", "580.1", 8 << 30)


class FakeDevice:
    """Memory is numpy's; the queue is a list."""

    stream = 7

    def __init__(self, card=CARD, *, memory=1 << 40, records=True):
        self.card, self.memory, self.records = card, memory, records
        self.queue: list[Callable[[], None]] = []
        self.copied = 0
        """bytes, of all copies done"""
        self.waits = 0
        self.lost = False
        self.is_current = False
        """whether libraries that do not ask would use it"""

    def room(self, count):
        if count > self.memory:
            raise GpuFullError(f"{self.card.title} has no memory left")
        self.memory -= count
        block = np.zeros(max(1, count), np.uint8)
        return Room(block.ctypes.data, block)

    def pinned(self, count):
        block = np.zeros(max(1, count), np.uint8)
        return Room(block.ctypes.data, block), block

    def copy(self, to, source):
        assert to.content.shape == source.content.shape

        def work():
            to.content[:] = source.content
            self.copied += to.content.size

        self.queue.append(work)

    def copy_rows(self, to, pitch, rows):
        kept = rows.copy()

        def work():
            for number, row in enumerate(kept):
                to.content[number * pitch :][: row.size] = row
            self.copied += kept.size

        self.queue.append(work)

    def record(self, work):
        if not self.records:
            raise EngineError("operation not permitted when stream is capturing")
        before, self.queue = self.queue, []
        work()
        recorded, self.queue = self.queue, before
        return lambda: self.queue.extend(recorded)

    def wait(self, limit_ns=ANSWER_NS):
        self.waits += 1
        if self.lost:
            raise GpuLostError(f"{self.card.title} gave no answer for {limit_ns / SECOND:g} s")
        queue, self.queue = self.queue, []
        for work in queue:
            work()

    @contextmanager
    def current(self):
        before, self.is_current = self.is_current, True
        try:
            yield
        finally:
            self.is_current = before
