"""The refiner by torch, on the processor; on a GPU where there is one."""

import os
from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract
from engines.weights import Weights
from streamer.engine import eager
from streamer.engine.cards import Card
from streamer.engine.cuda import GpuFullError, GpuLostError
from streamer.engine.eager import TorchEngine
from streamer.engine.protocol import Job
from streamer.engine.sample import sample
from streamer.engine.stock import unlearned
from streamer.errors import EngineError

torch = pytest.importorskip("torch")

BOX = Contract("xs", 128, 72, 96)
DRAWN = Contract("xs", 128, 72, 96, 2, "source", (80, 100))
CARD = Card(1, "Some GPU", "8.9", "580.1", 1 << 30)


def nothing_learned():
    plain = unlearned("xs")
    heads = {k: np.zeros_like(a) for k, a in plain.arrays.items() if k.startswith(("fine", "coa"))}
    return Weights.of("xs", dict(plain.arrays) | heads)


def jobs(engine, *seeds):
    made = [sample(engine.facts.contract, seed) for seed in seeds]
    return [Job(engine.bind(still), frame) for still, frame in made]


def test_what_has_learned_nothing_changes_nothing():
    """With heads of zero the picture comes out bit for bit."""
    with TorchEngine(BOX, nothing_learned()) as engine:
        (job,) = jobs(engine, 1)
        np.testing.assert_array_equal(engine.run([job])[0].picture, job.frame.picture)


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_is_padded(count):
    """Any number of jobs; each picture is as if it were alone but for rounding."""
    with TorchEngine(DRAWN, unlearned("xs")) as engine:
        asked = jobs(engine, 1, 2, 3)[:count]
        for job, made in zip(asked, engine.run(asked), strict=True):
            (alone,) = engine.run([job])
            assert np.abs(made.picture.astype(int) - alone.picture).max() <= 1
            assert made.picture.base is None


def test_a_patch_of_the_texture_shows():
    """Opaque white over the whole texture makes white whatever is not plate."""
    with TorchEngine(DRAWN, nothing_learned()) as engine:
        (job,) = jobs(engine, 1)
        bare = Job(job.bound, replace(job.frame, layers=np.zeros_like(job.frame.layers)))
        before = engine.run([bare])[0].picture
        job.bound.patch(slice(0, 80), slice(0, 100), np.full((80, 100, 4), 255, np.uint8))
        after = engine.run([bare])[0].picture
        nowhere = bare.frame.places[..., 0] < -1e4
        np.testing.assert_array_equal(after[:8, :8], before[:8, :8])
        assert (after[~nowhere] >= 254).mean() > 0.95


@pytest.mark.parametrize(
    ("rows", "columns", "shape"),
    [(slice(0, 4), slice(0, 4), (4, 5, 4)), (slice(78, 82), slice(0, 4), (4, 4, 4))],
)
def test_a_patch_that_does_not_fit_is_refused(rows, columns, shape):
    with TorchEngine(DRAWN, unlearned("xs")) as engine:
        (job,) = jobs(engine, 1)
        with pytest.raises(EngineError, match=r"the patch is \(.*\) uint8, and its place is"):
            job.bound.patch(rows, columns, np.zeros(shape, np.uint8))
    with TorchEngine(BOX, unlearned("xs")) as engine:
        (job,) = jobs(engine, 1)
        with pytest.raises(EngineError, match="no texture to patch"):
            job.bound.patch(rows, columns, np.zeros(shape, np.uint8))


def test_a_closed_engine_says_so():
    engine = TorchEngine(BOX, unlearned("xs"))
    asked = jobs(engine, 1)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run(asked)


def test_weights_of_another_size_are_refused():
    with pytest.raises(EngineError, match="weights of size S do not fit engine xs-128"):
        TorchEngine(BOX, unlearned("s"))


def test_without_torch_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(eager, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="torch is not installed; run: python -m pip install"):
        TorchEngine(BOX, unlearned("xs"))


def test_a_failure_while_running_is_an_engine_error(monkeypatch):
    """One line, and a note that the engine is of no more use."""
    engine = TorchEngine(BOX, unlearned("xs"))
    asked = jobs(engine, 1)

    def fail(given):
        raise RuntimeError("out of something\nmore words")

    monkeypatch.setattr(engine._engine, "_module", fail)
    with pytest.raises(EngineError, match="torch failed on cpu: out of something") as caught:
        engine.run(asked)
    assert "of no more use" in caught.value.__notes__[0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_reason_is_told():
    with pytest.raises(EngineError, match="NVIDIA"):
        TorchEngine(BOX, unlearned("xs"), "cuda")


class FakeGraph:
    """Instead of buffers and a stream on a GPU."""

    def __init__(self, program, device, facts, maker):
        self.facts = facts


@pytest.fixture
def gpu(monkeypatch):
    """A GPU with room for `room` pictures at once."""
    room = [8]

    def program(facts, weights, card, *, graph):
        if facts.contract.batch > room[0]:
            raise GpuFullError("cuda:1 (Some GPU) has no memory left")

    monkeypatch.setattr(eager, "cards", lambda: (replace(CARD, index=0), CARD))
    monkeypatch.setattr(eager, "TorchDevice", lambda card: card)
    monkeypatch.setattr(eager, "_OnCard", program)
    monkeypatch.setattr("streamer.engine.tensorrt.TensorRtEngine", FakeGraph)
    return room


def test_too_little_memory_makes_the_batch_smaller(gpu):
    """Halved until it fits, and told."""
    gpu[0] = 3
    facts = TorchEngine(replace(DRAWN, batch=8), unlearned("xs"), "cuda:1").facts
    assert facts.contract.batch == 2
    assert facts.device == "cuda:1 (Some GPU)"
    assert facts.precision == "fp16"
    assert "no memory left; the batch is 2 instead of 4" in facts.notes[-1]


def test_no_memory_for_one_picture_is_an_error(gpu):
    gpu[0] = 0
    with pytest.raises(EngineError, match="no memory left"):
        TorchEngine(DRAWN, unlearned("xs"), "cuda:1")


def test_a_gpu_that_is_not_there_is_named(gpu):
    with pytest.raises(EngineError, match=r"cuda:7: there is no such GPU; there are cuda:0"):
        TorchEngine(DRAWN, unlearned("xs"), "cuda:7")


class FakeModule:
    """A module that notes where it is sent."""

    def __init__(self, error=None):
        self.error = error
        self.sent = []
        self.refine = self.refiner = self

    def half(self):
        self.sent.append("half")
        return self

    def to(self, *where, **how):
        self.sent.append(*where, *how.values())
        if self.error:
            raise self.error
        return self


@pytest.mark.parametrize(
    ("words", "kind"),
    [("CUDA out of memory. Tried", GpuFullError), ("CUDA error: unspecified", GpuLostError)],
)
def test_errors_of_the_gpu_name_it(monkeypatch, words, kind):
    """What torch raises becomes one of ours, by what it says."""
    module = FakeModule(RuntimeError(words))
    monkeypatch.setattr(eager, "_module", lambda contract, weights: module)
    facts = eager._facts(BOX, unlearned("xs"), CARD.title, "f32")
    with pytest.raises(kind, match=r"cuda:1 \(Some GPU\)"):
        eager._OnCard(facts, unlearned("xs"), CARD, graph=True)
    assert module.sent == ["cuda:1"]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["f32", "fp16"])
@pytest.mark.parametrize("graph", [False, True])
def test_a_gpu_computes_what_the_processor_does(graph, precision):
    """Recorded or not, patched or not; a CUDA graph is really used."""
    if not torch.cuda.is_available() and os.environ.get("FAIL_WITHOUT_GPU") != "1":
        pytest.skip("no GPU")
    own = unlearned("xs")
    pixels = np.full((20, 30, 4), 255, np.uint8)
    made = []
    for device in ("cpu", "cuda"):
        with TorchEngine(DRAWN, own, device, graph=graph, precision=precision) as engine:
            asked = jobs(engine, 1, 2, 3)
            asked[0].bound.patch(slice(30, 50), slice(40, 70), pixels)
            made.append(engine.run(asked))
    assert engine.facts.form == ("CUDA graph" if graph else "")
    for one, other in zip(*made, strict=True):
        apart = np.abs(one.picture.astype(int) - other.picture)
        assert apart.mean() <= 0.5
        assert apart.max() <= 8
