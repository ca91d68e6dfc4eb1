"""The self-test: right, wrong and broken engines, and the time of a picture."""

from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract, Refined
from streamer.engine import check
from streamer.engine.benchmark import Effort, Parity
from streamer.engine.check import Judge, Verdict
from streamer.engine.protocol import EngineFacts
from streamer.engine.sample import sample
from streamer.engine.stock import unlearned
from streamer.errors import EngineError

BOX = Contract("xs", 192, 64, 96)
PAIR = Contract("xs", 128, 64, 64, 2)
SHORT = Effort(runs=5, seconds=0.01)


class FakeBound:
    def close(self):
        pass


class FakeEngine:
    """Gives the frame's own picture, brighter by `off`."""

    def __init__(self, contract=BOX, off=0, error=None):
        self.facts = EngineFacts("torch", "cpu", "f32", "fake 1", contract, "0")
        self.off, self.error = off, error
        self.opened = self.runs = 0

    def bind(self, still):
        return FakeBound()

    def run(self, jobs):
        self.runs += 1
        if self.error:
            raise self.error
        return [Refined(job.frame.picture + np.uint8(self.off), job.frame.marks) for job in jobs]

    def close(self):
        pass

    def __enter__(self):
        self.opened += 1
        return self

    def __exit__(self, *args):
        self.close()


@pytest.fixture
def exact(monkeypatch):
    """The reference: a fake that changes nothing."""
    engine = FakeEngine()
    monkeypatch.setattr(check, "_exact", lambda contract, weights: engine)
    return engine


def test_a_right_engine_passes_with_its_time(exact):
    verdict = Judge(unlearned("xs")).verdict(FakeEngine(), SHORT)
    assert verdict.problem == ""
    assert verdict.parity == Parity(0, 0)
    assert verdict.facts.ms is not None
    assert verdict.facts.ms > 0


def test_a_wrong_engine_fails_with_figures(exact):
    """Off by 3 everywhere is more than 2 on average."""
    verdict = Judge(unlearned("xs")).verdict(FakeEngine(off=3), SHORT)
    assert verdict.problem.startswith("failed its self-test: off by ")
    assert "(allowed are 2 and 8)" in verdict.problem


@pytest.mark.parametrize(
    ("mean", "worst", "passes"), [(2, 8, True), (2.01, 8, False), (0.1, 9, False)]
)
def test_the_limits(mean, worst, passes):
    """2 on average and 8 at worst, of 255, are just right."""
    verdict = Verdict(FakeEngine().facts, Parity(mean, worst))
    assert (verdict.problem == "") == passes


def test_an_engine_that_cannot_run_is_an_error(exact):
    with pytest.raises(EngineError, match="gone"):
        Judge(unlearned("xs")).verdict(FakeEngine(error=EngineError("gone")), SHORT)


def test_the_reference_is_computed_once_a_shape(exact):
    """Several engines of one shape share it."""
    judge = Judge(unlearned("xs"))
    judge.verdict(FakeEngine(), SHORT)
    judge.verdict(FakeEngine(), SHORT)
    assert exact.opened == exact.runs == 1
    judge.verdict(FakeEngine(replace(BOX, height=80)), SHORT)
    assert exact.runs == 2


def test_an_engine_with_a_file_keeps_the_result(exact):
    """It stands beside the file, so that it can be shown later."""
    engine = FakeEngine()
    kept = []
    engine.checked = kept.append
    Judge(unlearned("xs")).verdict(engine, SHORT)
    assert kept[0].passed
    assert kept[0].against == "f32"


@pytest.mark.parametrize("contract", [BOX, PAIR, replace(BOX, batch=2)], ids=lambda one: one.name)
def test_drawn_pictures_are_compared_with_openvino(contract):
    """It needs no torch; a batch that has no graph of its own is made one by one."""
    with check._exact(contract, unlearned("xs")) as engine:
        assert engine.facts.backend == "openvino"
        assert engine.facts.precision == "f32"
        assert engine.facts.contract.batch == (2 if contract is PAIR else 1)


def test_those_to_be_drawn_are_compared_with_torch():
    pytest.importorskip("torch")
    contract = replace(PAIR, form="source", texture=(64, 64))
    with check._exact(contract, unlearned("xs")) as engine:
        assert engine.facts.backend == "torch"
        assert engine.facts.precision == "f32"


def test_the_sample_is_always_the_same():
    """From its seed, and from no state: other seeds give others."""
    for contract in (BOX, replace(BOX, form="source", texture=(80, 100))):
        one, again, other = (sample(contract, seed) for seed in (1, 1, 2))
        for pair, differs in ((again, False), (other, True)):
            assert (one[1].places != pair[1].places).any() == differs
            assert (one[0].guide != pair[0].guide).any() == differs


def test_the_sample_is_as_smooth_as_a_photo():
    """Neighbouring pixels differ by a few levels, and all levels are there."""
    _, frame = sample(replace(BOX, height=256, width=256))
    steps = np.abs(np.diff(frame.picture.astype(int), axis=1))
    assert steps.mean() < 6
    assert frame.picture.min() < 40
    assert frame.picture.max() > 200


def test_the_texture_of_the_sample_is_premultiplied():
    still, _ = sample(replace(BOX, form="source", texture=(80, 100)))
    assert (still.texture[..., :3] <= still.texture[..., 3:]).all()
    assert still.texture[..., 3].min() == 0
    assert still.texture[..., 3].max() == 255
