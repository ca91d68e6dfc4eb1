"""What is measured of engines, with engines that only pretend."""

from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract, Refined
from engines.weights import write_weights
from streamer.clock import MS
from streamer.engine import sweep as sweeping
from streamer.engine.benchmark import LEAST, Effort, distance, pictures, timed
from streamer.engine.build import BuildStoppedError, Watch
from streamer.engine.protocol import EngineFacts
from streamer.engine.sample import sample
from streamer.engine.stock import UNLEARNED, stock, unlearned
from streamer.engine.sweep import GPU_BATCHES, Asked, Sweep, cases
from streamer.engine.ways import Way, chosen
from streamer.errors import EngineError

CPU = Way("openvino", "CPU", "bf16", "openvino 1")
EXACT = Way("openvino", "CPU", "f32", "openvino 1")
GPU = Way("torch", "cuda:0", "fp16", "torch 2", graph=True)
GONE = Way("tensorrt", "", "fp16", "", refused="TensorRT is not installed; run: pip")
CONTRACT = Contract("xs", 32, 8, 12, 2)


class FakeClock:
    """Stands still until an engine works."""

    def __init__(self):
        self.now_ns = 0

    def __call__(self):
        return self.now_ns


class FakeBound:
    def __init__(self, engine):
        self.engine = engine

    def close(self):
        self.engine.bound -= 1


class FakeEngine:
    """Takes 10 ms for a run, brightens by `error`, and can be lost."""

    def __init__(self, contract=CONTRACT, clock=None, error=0, *, lost=False):
        self.facts = EngineFacts("torch", "cpu", "f32", "fake 1", contract, "d", notes=("a note",))
        self.clock, self.error, self.lost = clock or FakeClock(), error, lost
        self.bound, self.runs, self.closed = 0, 0, False

    def bind(self, still):
        self.bound += 1
        return FakeBound(self)

    def run(self, jobs):
        if self.lost:
            raise EngineError("the device is lost; use another")
        self.runs += 1
        self.clock.now_ns += 10 * MS
        gates = np.zeros((32, 32, 3), np.uint8)
        return [Refined(np.minimum(j.frame.picture, 200) + self.error, gates) for j in jobs]

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def judged(monkeypatch):
    """The reference is a fake, too."""

    def exact(contract, weights):
        return FakeEngine(replace(contract, batch=1))

    monkeypatch.setattr("streamer.engine.check._exact", exact)


def given(contract=CONTRACT):
    return [sample(contract, seed) for seed in range(contract.batch)]


def opener(**facts):
    """Opens fakes, and keeps them to look at."""
    opened = []

    def open_fake(way, contract, weights, watch):
        opened.append(FakeEngine(contract, **facts))
        return opened[-1]

    open_fake.opened = opened
    return open_fake


def test_times_are_of_one_picture():
    """A run of 10 ms that makes two."""
    clock = FakeClock()
    timing = timed(FakeEngine(clock=clock), given(), Effort(runs=20, seconds=60), clock, clock)
    assert (timing.median_ms, timing.p95_ms, timing.cpu_ms, timing.runs) == (5, 5, 5, 20)


@pytest.mark.parametrize(("effort", "runs"), [(Effort(100, 0), LEAST), (Effort(100, 0.2), 20)])
def test_time_is_bounded(effort, runs):
    """By seconds, but never so few runs that they say nothing."""
    clock = FakeClock()
    assert timed(FakeEngine(clock=clock), given(), effort, clock, clock).runs == runs


def test_portraits_are_let_go():
    """Also when the engine is lost meanwhile."""
    engine = FakeEngine()
    pictures(engine, given())
    assert engine.bound == 0
    engine.lost = True
    with pytest.raises(EngineError):
        pictures(engine, given())
    assert engine.bound == 0


def test_distance_is_over_all_pictures():
    """The mean of all, the worst of any."""
    black, gates = np.zeros((2, 2, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)
    spot = black.copy()
    spot[0, 0, 0] = 240
    one, other = Refined(black, gates), Refined(spot, gates)
    parity = distance([one, other], [one, one])
    assert (parity.mean, parity.worst) == (10, 240)
    assert distance([other, one], [one, other]).worst == 240


def test_unlearned_weights_are_the_same_every_time():
    """They fit, say what they are, and their heads do something."""
    weights = unlearned("xs")
    assert weights.digest == unlearned("xs").digest != unlearned("xs", 1).digest
    assert weights.note == UNLEARNED
    assert weights.arrays["fine.weight"].any()
    assert weights.arrays["coarse.weight"].any()


def test_missing_weights_are_told(tmp_path):
    """With what to do; unless unlearned ones will do."""
    with pytest.raises(EngineError, match=r"weights of size M: none are in .*generator\.weights"):
        stock(["m"], tmp_path)
    assert stock(["xs"], tmp_path, unlearned_too=True)["xs"].note == UNLEARNED


def test_weights_under_the_wrong_name_are_refused(tmp_path):
    """A file of another size, and one that is none."""
    write_weights(tmp_path / "m.safetensors", unlearned("xs"))
    with pytest.raises(EngineError, match="holds weights of size XS"):
        stock(["m"], tmp_path)
    (tmp_path / "s.safetensors").write_bytes(b"no weights")
    with pytest.raises(EngineError, match=r"s\.safetensors"):
        stock(["s"], tmp_path, unlearned_too=True)


def test_every_way_has_its_usual_engines():
    """A processor those that have a graph, a GPU batches of all sizes that draw the picture."""
    listed = cases([CPU, GPU], Asked())
    on_cpu = {(c.contract.size, c.contract.side, c.contract.batch) for c in listed if c.way is CPU}
    assert on_cpu == {("xs", 128, 2), ("xs", 192, 1), *((s, 256, 1) for s in ("xs", "s", "m"))}
    on_gpu = [case.contract for case in listed if case.way is GPU]
    assert {contract.batch for contract in on_gpu} == set(GPU_BATCHES)
    assert all(contract.form == "source" for contract in on_gpu)


def test_ways_are_chosen_by_name():
    """By the beginning of it; all that can run without a name; what cannot says why."""
    ways = [CPU, EXACT, GPU, GONE]
    assert chosen(ways, []) == chosen(ways, ["all"]) == [CPU, EXACT, GPU]
    assert chosen(ways, ["openvino"]) == [CPU, EXACT]
    assert chosen(ways, ["OpenVINO/cpu/f32", "openvino"]) == [EXACT, CPU]
    with pytest.raises(EngineError, match="engine tensorrt: TensorRT is not installed; run: pip"):
        chosen(ways, ["tensorrt"])
    with pytest.raises(EngineError, match="none of this name; there are openvino/CPU/bf16"):
        chosen(ways, ["open"])


def test_a_row_for_each_engine(judged):
    """Compared, timed if that is wanted, and closed."""
    opens = opener()
    listed = cases([EXACT], Asked(((8, 12),), (("xs", 32),), (1, 2)))
    rows = list(Sweep({"xs": unlearned("xs")}, Watch(), Effort(5, 0), opens).measured(listed))
    assert [row.case.contract.batch for row in rows] == [1, 2]
    assert all(row.parity.worst == 0 and row.timing.runs == LEAST for row in rows)
    assert all(row.notes == ("a note",) and not row.refused + row.problem for row in rows)
    assert all(engine.closed for engine in opens.opened)
    (row,) = Sweep({"xs": unlearned("xs")}, Watch(), None, opener()).measured(listed[:1])
    assert row.timing is None


def test_an_engine_that_computes_wrongly_is_told(judged):
    """With its distance."""
    listed = cases([EXACT], Asked(((8, 12),), (("xs", 32),), (1,)))
    (row,) = Sweep({"xs": unlearned("xs")}, Watch(), None, opener(error=9)).measured(listed)
    assert row.parity.worst == 9
    assert "off by" in row.problem


def test_an_engine_that_fails_hides_no_other(judged):
    """Its row says why."""
    listed = cases([EXACT], Asked(((8, 12),), (("xs", 32),), (1,)))
    opens = opener(lost=True)
    (row,) = Sweep({"xs": unlearned("xs")}, Watch(), None, opens).measured(listed)
    assert row.refused == "the device is lost; use another"
    assert opens.opened[0].closed


def test_a_smaller_batch_than_asked_is_told(judged):
    """As when memory was short: the row has the batch that ran."""
    listed = cases([EXACT], Asked(((8, 12),), (("xs", 32),), (8,)))

    def open_smaller(way, contract, weights, watch):
        return FakeEngine(replace(contract, batch=4))

    (row,) = Sweep({"xs": unlearned("xs")}, Watch(), None, open_smaller).measured(listed)
    assert row.case.contract.batch == 4


def test_a_sweep_can_be_stopped(judged):
    """Before the next engine; a stopped build is no refusal."""
    listed = cases([EXACT], Asked(((8, 12),), (("xs", 32),), (1, 2)))
    weights = {"xs": unlearned("xs")}
    stopped = Sweep(weights, Watch(stopped=lambda: True), None, opener())
    with pytest.raises(BuildStoppedError):
        list(stopped.built(listed))

    def stops(way, contract, weights, watch):
        raise BuildStoppedError("stopped")

    with pytest.raises(BuildStoppedError):
        list(Sweep(weights, Watch(), None, stops).built(listed))


def test_built_engines_are_only_opened():
    """And closed; progress names each."""
    told, opens = [], opener()
    watch = Watch(progress=lambda what, part: told.append((what, part)))
    listed = cases([EXACT], Asked(((8, 12),), (("xs", 32),), (1, 2)))
    rows = list(Sweep({"xs": unlearned("xs")}, watch, None, opens).built(listed))
    assert [row.ready_s >= 0 for row in rows] == [True, True]
    assert [engine.runs for engine in opens.opened] == [0, 0]
    assert told[1] == ("2 of 2: openvino/CPU/f32 xs-32-12x8-b2-picture", 0.5)
    assert sweeping.ON_CPU["xs", 128] == 2
