"""GPUs that are full, lost, two, or have too old a driver: the run goes on, and says why."""

import logging
import re
from dataclasses import replace

import numpy as np
import pytest

from engines.contract import Contract
from streamer.clock import SECOND
from streamer.config import GeneratorConfig
from streamer.engine import cards, check, choose, graphfile, tensorrt, ways
from streamer.engine.build import Watch
from streamer.engine.cards import Card
from streamer.engine.choose import Shapes, choose_engine
from streamer.engine.cuda import ANSWER_NS, GpuFullError, GpuLostError
from streamer.engine.protocol import EngineFacts, Job
from streamer.engine.stock import unlearned
from streamer.engine.ways import Way
from streamer.errors import EngineError
from streamer.generator.refined import RefinedGenerator
from streamer.generator.sight import Refinement
from streamer.generator.source import OnSource, source_contract
from tests.cuda_memory import CARD, FakeDevice
from tests.faces import generator
from tests.gpus import FOUR, ONE, FakeTrt, frame, graph_of, started, still
from tests.test_composite import motion
from tests.test_tensorrt import colours, opened

OTHER = Card(1, "NVIDIA Fake 2", "12.0", "580.1", 8 << 30)
TRT = Way("tensorrt", "cuda:0", "fp16", "tensorrt 1", "NVIDIA Fake 1")
CPU = Way("openvino", "CPU", "f32", "openvino 1", "A Processor")
SHAPES = Shapes(Contract("xs", 192, 64, 96), Contract("xs", 192, 64, 96, 1, "source", (64, 96)))


def test_a_library_without_room_halves_the_batch(monkeypatch):
    """It says so in words alone, when the engine is opened."""
    device = FakeDevice()
    trt = FakeTrt(device)
    trt.holds = 2
    facts = opened(monkeypatch, FOUR, device, [trt]).facts
    assert facts.contract.batch == 2
    assert "GPU memory could not be allocated; the batch is 2 instead of 4" in facts.notes[-1]


def test_a_build_without_room_halves_the_batch_down_to_an_error(monkeypatch):
    """Trying what is fastest takes memory, too."""
    device = FakeDevice()
    trt = FakeTrt(device)
    trt.fails = "Error Code 2: OutOfMemory (CUDA out of memory)"
    with pytest.raises(GpuFullError, match="out of memory"):
        opened(monkeypatch, FOUR, device, [trt])
    assert trt.built == 3


def test_a_portrait_without_room_hurts_no_other():
    """It cannot be bound; who is there already is drawn as before."""
    device = FakeDevice()
    engine = started(FOUR, device=device)
    portrait = engine.bind(still(FOUR, 7))
    device.memory = 100
    with pytest.raises(GpuFullError, match=r"cuda:0 \(NVIDIA Fake 1\) has no memory left"):
        engine.bind(still(FOUR, 8))
    (made,) = engine.run([Job(portrait, frame(FOUR, 3))])
    assert colours(made)[:3] == [3, 7, 7]


class OnProcessor:
    """What runs where no GPU does."""

    def __init__(self, way, contract):
        self.facts = EngineFacts(way.backend, way.device, way.precision, way.library, contract, "")

    def close(self):
        pass


def fallen_back(opens, listed=(TRT, CPU), **settings):
    """What a run takes when `opens` gives no engine that can be used on a GPU."""

    def opener(way, contract, weights, watch):
        return OnProcessor(way, contract) if way.device == "CPU" else opens(way, contract)

    settings = GeneratorConfig(**settings)
    return choose_engine(settings, unlearned("xs"), SHAPES, ways=listed, opener=opener)


@pytest.fixture
def verdicts(monkeypatch):
    """The self-test of what is there is passed; a GPU's engine is really run."""
    monkeypatch.setattr(choose, "driver_version", lambda: "580.1")
    real = check.Judge.verdict

    def verdict(judge, engine):
        if engine.facts.device == "CPU":
            return check.Verdict(replace(engine.facts, ms=1.0), check.Parity(0, 0))
        return real(judge, engine)

    monkeypatch.setattr(check.Judge, "verdict", verdict)


@pytest.mark.parametrize(
    "error",
    [
        GpuFullError("cuda:0 (NVIDIA Fake 1) has no memory left; close other programs"),
        GpuLostError("cuda:0 (NVIDIA Fake 1) gave no answer for 0.8 s"),
    ],
)
def test_at_the_start_a_full_or_lost_gpu_leaves_the_processor(verdicts, caplog, error):
    """With a warning that says why, since a GPU is idle now."""

    def fails(way, contract):
        raise error

    choice = fallen_back(fails)
    assert choice.facts.device == "CPU"
    assert str(error) in choice.line
    (told,) = caplog.records
    assert told.levelno == logging.WARNING
    assert str(error) in told.getMessage()


@pytest.mark.parametrize("trouble", ["lost", "full"])
def test_a_gpu_that_fails_during_its_test_is_closed(verdicts, trouble):
    """It opened, and there is no room for a portrait, or no answer."""
    engines = []

    def opens(way, contract):
        device = FakeDevice()
        engines.append(started(contract, device=device))
        device.lost = trouble == "lost"
        device.memory = 100 if trouble == "full" else device.memory
        return engines[0]

    choice = fallen_back(opens)
    assert choice.facts.device == "CPU"
    assert ("no answer" if trouble == "lost" else "no memory left") in choice.line
    with pytest.raises(EngineError, match="closed"):
        engines[0].run([])


class Watched(FakeDevice):
    """Notes how long it was waited for."""

    def __init__(self):
        super().__init__()
        self.limits_ns = []

    def wait(self, limit_ns=ANSWER_NS):
        self.limits_ns.append(limit_ns)
        super().wait(limit_ns)


def test_when_a_gpu_is_lost_that_very_picture_is_drawn_by_the_warp():
    """After one wait that leaves time to draw within the second; the next ones wait for nothing."""
    warp, device, told = generator("ada", 256), Watched(), []
    contract = source_contract(warp, Refinement("xs"), (256, 256))
    engine = started(contract, device=device)
    painter = RefinedGenerator(
        warp, engine, OnSource(warp, contract), lambda *lost: told.append(lost)
    )
    turned = motion((10, 0, 0))
    plain = warp.generate(turned)
    assert (painter.generate(turned) != plain).any()
    device.lost, device.limits_ns = True, []
    for _ in range(2):
        np.testing.assert_array_equal(painter.generate(turned), plain)
    assert device.limits_ns == [ANSWER_NS]
    assert ANSWER_NS < 0.9 * SECOND
    ((lost, error),) = told
    assert lost is engine
    assert isinstance(error, GpuLostError)


def test_of_two_gpus_the_one_that_is_named_does_everything(monkeypatch):
    """Memory, builds and runs: the library is nowhere left to take the first one."""
    made = []

    def device_of(card):
        made.append(FakeDevice(card))
        trt.device = made[-1]
        return made[-1]

    trt = FakeTrt(None)
    monkeypatch.setattr(tensorrt, "libraries", lambda: (trt.library(),))
    monkeypatch.setattr(tensorrt, "cards", lambda: (CARD, OTHER))
    monkeypatch.setattr(tensorrt, "TorchDevice", device_of)
    monkeypatch.setattr(tensorrt, "graph", lambda contract, *rest: graph_of(contract))
    engine = tensorrt.open_tensorrt(ONE, unlearned("xs"), "fake 2")
    assert engine.facts.device == "cuda:1 (NVIDIA Fake 2)"
    assert [device.card for device in made] == [OTHER]
    (one,) = engine.run([Job(engine.bind(still(ONE, 7)), frame(ONE, 3))])
    assert colours(one) == [3, 7, 7, 10]


def test_engines_of_two_gpus_lie_side_by_side(tmp_path):
    """Neither is taken for the other's, and neither replaces it."""
    for _ in range(2):
        counts = []
        for card in (CARD, OTHER):
            device = FakeDevice(card)
            trt = FakeTrt(device)
            started(folder=tmp_path, device=device, trt=trt).close()
            counts.append(trt.built)
    assert counts == [0, 0]
    assert len(list(tmp_path.glob("*.engine"))) == 2


@pytest.fixture
def old_driver(monkeypatch):
    """A driver for CUDA 11, and a torch for 13."""
    torch = pytest.importorskip("torch")

    def init():
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).")

    monkeypatch.setattr(cards, "driver_version", lambda: "470.1")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", init)


def test_with_too_old_a_driver_the_processor_computes_and_the_run_says_why(
    old_driver, verdicts, monkeypatch, caplog
):
    """What is installed, and what is needed."""
    monkeypatch.setattr(choose, "driver_version", lambda: "470.1")
    listed = ways.all_ways()
    choice = fallen_back(None, listed)
    reason = r"too old .* installed is driver 470.1; needed is an NVIDIA driver for CUDA 13.0"
    assert choice.facts.device == "CPU"
    assert re.search(reason, choice.line)
    warned = [one for one in caplog.records if one.name == "streamer.engine.choose"]
    assert warned[-1].levelno == logging.WARNING
    for settings in ({"engine": "tensorrt"}, {"device": "cuda:0"}):
        with pytest.raises(EngineError, match=reason):
            fallen_back(None, listed, **settings)


@pytest.mark.parametrize("part", ["Builder", "Runtime"])
def test_a_library_that_does_not_start_is_refused_in_its_own_words(monkeypatch, part):
    """As with a driver older than the library, where torch's is new enough: others are tried."""
    device = FakeDevice()
    full, rtx = FakeTrt(device, name="tensorrt"), FakeTrt(device)

    def nothing(logger):
        logger.log("error", "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    setattr(full, part, nothing)
    facts = opened(monkeypatch, ONE, device, [full, rtx]).facts
    assert facts.library == "tensorrt_rtx 1.0"
    assert facts.notes == (
        "tensorrt 1.0 does not start: CUDA initialization failure with error: 35",
    )


def test_a_kept_graph_that_is_damaged_is_exported_again(monkeypatch, tmp_path):
    """It is never given to a library."""
    exports = []

    def exported(contract, weights, watch):
        exports.append(contract)
        return b"the graph"

    monkeypatch.setattr(graphfile, "exported", exported)
    for spoil in (None, lambda path: path.write_bytes(path.read_bytes()[:-3]), None):
        for path in tmp_path.glob("*.onnx") if spoil else ():
            spoil(path)
        assert graphfile.graph(ONE, unlearned("xs"), tmp_path, Watch()) == b"the graph"
    assert len(exports) == 2


def test_what_was_compiled_and_is_damaged_is_compiled_again(tmp_path):
    """The engine itself is whole, and is not built anew."""
    device = FakeDevice()
    trt = FakeTrt(device)
    started(folder=tmp_path, device=device, trt=trt).close()
    (path,) = tmp_path.glob("*.jit")
    path.write_bytes(b"rubbish")
    with started(folder=tmp_path, device=device, trt=trt) as engine:
        assert engine.run([Job(engine.bind(still(ONE, 7)), frame(ONE, 3))])
    assert trt.built == 1


def test_engines_of_other_weights_are_not_mixed_up(tmp_path):
    """The graph's hash is in the name of the file, and in its manifest."""
    device = FakeDevice()
    trt = FakeTrt(device)
    started(folder=tmp_path, device=device, trt=trt).close()
    (kept,) = tmp_path.glob("*.engine")
    started(replace(ONE, height=32), folder=tmp_path, device=device, trt=trt).close()
    (new,) = set(tmp_path.glob("*.engine")) - {kept}
    for suffix in (".engine", ".json"):
        kept.with_suffix(suffix).write_bytes(new.with_suffix(suffix).read_bytes())
    engine = started(folder=tmp_path, device=device, trt=trt)
    assert trt.built == 3
    assert "was built for onnx" in engine.facts.notes[0]
