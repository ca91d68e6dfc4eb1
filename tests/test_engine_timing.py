"""How long an engine takes, told on a computer that is busy: with engines that only pretend."""

import numpy as np
import pytest

from engines.contract import Contract, Refined
from streamer.clock import MS, SECOND
from streamer.engine import check
from streamer.engine.benchmark import LEAST, Effort, timed
from streamer.engine.protocol import EngineFacts
from streamer.engine.sample import sample

CONTRACT = Contract("xs", 32, 8, 12)
WORK = 10 * MS


class Computer:
    """Its clocks: of the wall, and of this process' work. `disturbed` adds to both, by the time."""

    def __init__(self, disturbed=lambda now_ns: (0, 0)):
        self.wall_ns = self.work_ns = 0
        self.naps_s = []
        self._disturbed = disturbed

    def compute(self):
        """A run of the engine."""
        wall_ns, work_ns = self._disturbed(self.wall_ns)
        self.wall_ns += WORK + wall_ns
        self.work_ns += WORK + work_ns

    def sleep(self, seconds):
        self.naps_s.append(seconds)
        self.wall_ns += int(seconds * SECOND)


class FakeEngine:
    def __init__(self, computer, device="CPU"):
        self.facts = EngineFacts("openvino", device, "f32", "fake 1", CONTRACT, "d")
        self.computer = computer

    def bind(self, still):
        return type("Bound", (), {"close": lambda self: None})()

    def run(self, jobs):
        self.computer.compute()
        return [Refined(job.frame.picture, np.zeros((32, 32, 3), np.uint8)) for job in jobs]


def measured(computer, effort=check._EFFORT, device="CPU"):
    clocks = (lambda: computer.wall_ns, lambda: computer.work_ns, computer.sleep)
    return timed(FakeEngine(computer, device), [sample(CONTRACT)], effort, *clocks)


def test_undisturbed_all_figures_agree():
    timing = measured(Computer())
    assert timing.least_ms == timing.median_ms == timing.p95_ms == timing.cpu_ms == 10


def test_a_busy_moment_does_not_matter():
    """The first half second, in which all else is opened: on a processor as on a GPU."""
    for device in ("CPU", "cuda:0"):
        busy = Computer(lambda now_ns: (25 * MS, 20 * MS) if now_ns < SECOND // 2 else (0, 0))
        timing = measured(busy, device=device)
        assert timing.p95_ms == 35
        assert timing.least_ms == 10


def test_other_programs_do_not_matter_to_a_processor():
    """They take time from every single run, but are not this process' work."""
    assert measured(Computer(lambda now_ns: (15 * MS, 0))).least_ms == 10


def test_other_threads_do_not_matter_as_long_as_they_have_cores():
    """They work meanwhile, and the engine does not take longer."""
    assert measured(Computer(lambda now_ns: (0, 30 * MS))).least_ms == 10


def test_of_a_gpu_the_work_of_this_process_says_nothing():
    """It waits: its own time is what counts."""
    waiting = Computer(lambda now_ns: (0, -9 * MS))
    assert measured(waiting, device="cuda:0").least_ms == 10
    assert measured(waiting, device="GPU.0").least_ms == 10


def test_what_is_slow_stays_slow():
    """On every turn, in both clocks."""
    assert measured(Computer(lambda now_ns: (8 * MS, 8 * MS))).least_ms == 18


def test_turns_are_spread_over_time():
    """With pauses between them alone, and not so long that a start would wait for it."""
    computer = Computer()
    timing = measured(computer)
    assert len(computer.naps_s) == check._EFFORT.turns - 1
    assert 0.4 <= sum(computer.naps_s) <= 1
    assert timing.runs == check._EFFORT.runs * check._EFFORT.turns
    assert computer.wall_ns < 2 * SECOND


@pytest.mark.parametrize("turns", [1, 2, 4])
def test_a_very_slow_engine_is_run_few_times(turns):
    """About as often, however many turns."""
    timing = measured(Computer(), Effort(100, 0, turns))
    assert LEAST <= timing.runs < LEAST + turns


def test_the_self_test_tells_the_undisturbed_time(monkeypatch):
    """What a run decides by."""
    monkeypatch.setattr(check.Judge, "_reference", lambda self, contract, given: _plain(given))
    monkeypatch.setattr(check, "timed", lambda engine, given, effort: measured(busy, effort))
    busy = Computer(lambda now_ns: (15 * MS, 0))
    assert check.Judge(None).verdict(FakeEngine(busy)).facts.ms == 10


def _plain(given):
    return [Refined(frame.picture, frame.marks) for _, frame in given]
