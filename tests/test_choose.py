"""Which engine is chosen, and what is said of the others."""

import logging
from dataclasses import replace

import pytest

from engines.contract import Contract
from streamer.config import GeneratorConfig
from streamer.engine import choose
from streamer.engine.benchmark import Parity
from streamer.engine.build import BuildStoppedError
from streamer.engine.check import Verdict
from streamer.engine.choose import Shapes, choose_engine
from streamer.engine.protocol import EngineFacts
from streamer.engine.stock import unlearned
from streamer.engine.ways import Way
from streamer.errors import EngineError

PICTURE = Contract("xs", 192, 64, 96)
SOURCE = Contract("xs", 192, 64, 96, 1, "source", (64, 96))
SHAPES = Shapes(PICTURE, SOURCE)

BF16 = Way("openvino", "CPU", "bf16", "openvino 1", "Some Xeon")
F32 = replace(BF16, precision="f32")
IGPU = Way("openvino", "GPU.0", "fp16", "openvino 1", "Intel Arc")
TRT = Way("tensorrt", "cuda:0", "fp16", "tensorrt 1", "NVIDIA RTX 4090")
TRT1 = replace(TRT, device="cuda:1", hardware="NVIDIA T4")
TORCH = Way("torch", "cpu", "f32", "torch 1")
GRAPH = Way("torch", "cuda:0", "fp16", "torch 1", "NVIDIA RTX 4090", graph=True)
EAGER = replace(GRAPH, graph=False)
EXACT = replace(GRAPH, precision="f32")
NO_TRT = Way("tensorrt", "", "fp16", "", refused="TensorRT is not installed")
NO_TORCH = Way("torch", "", "f32", "", refused="torch is not installed")
NO_CUDA = Way("torch", "cuda", "fp16", "torch 1", refused="no NVIDIA driver")


class FakeEngine:
    def __init__(self, way, contract):
        self.way, self.closed = way, False
        self.facts = EngineFacts(way.backend, way.device, way.precision, way.library, contract, "0")

    def close(self):
        self.closed = True


class Bench:
    """Opens fakes; `ms` by way, errors for those that fail, `wrong` those that compute wrongly."""

    def __init__(self, ms, wrong=(), errors=None):
        self.ms, self.wrong, self.errors = ms, wrong, errors or {}
        self.opened = []

    def open(self, way, contract, weights, watch):
        if way in self.errors:
            raise self.errors[way]
        self.opened.append(FakeEngine(way, contract))
        return self.opened[-1]

    def verdict(self, engine):
        off = 50 if engine.way in self.wrong else 0
        return Verdict(replace(engine.facts, ms=self.ms[engine.way]), Parity(off, off))


@pytest.fixture(autouse=True)
def no_driver(monkeypatch):
    monkeypatch.setattr(choose, "driver_version", lambda: None)


@pytest.fixture
def pick(monkeypatch):
    def pick(ways, bench, **config):
        judge = type("FakeJudge", (), {"__init__": lambda self, weights: None})
        judge.verdict = staticmethod(bench.verdict)
        monkeypatch.setattr(choose, "Judge", judge)
        settings = GeneratorConfig(**config)
        return choose_engine(settings, unlearned("xs"), SHAPES, ways=ways, opener=bench.open)

    return pick


def names(choice):
    return {one.name: one.reason for one in choice.refused}


def test_a_plain_computer_takes_openvino(pick):
    """The line for the start-up table says what runs, how fast, and why the others do not."""
    choice = pick([BF16, F32, NO_TRT, NO_TORCH], Bench({BF16: 12.34}))
    assert choice.engine.way is BF16
    assert choice.line.startswith(
        "refiner XS @192 by OpenVINO bf16 on CPU, 12.3 ms a picture; "
        "tensorrt: TensorRT is not installed; torch: torch is not installed; "
        "openvino/CPU/f32: not tried"
    )


def test_torch_on_a_processor_is_not_tried_when_openvino_passes(pick):
    bench = Bench({BF16: 12})
    choice = pick([BF16, F32, TORCH], bench)
    assert [engine.way for engine in bench.opened] == [BF16]
    assert "not tried" in names(choice)["torch/cpu/f32"]


def test_the_fastest_of_a_kind_is_kept(pick):
    """The slower one is closed and told with its figure."""
    bench = Bench({TRT: 2.0, GRAPH: 1.5, BF16: 12})
    choice = pick([BF16, TRT, EXACT, EAGER, GRAPH], bench)
    assert choice.engine.way is GRAPH
    assert choice.facts.ms == 1.5
    assert [engine.closed for engine in bench.opened] == [True, False]
    assert names(choice)["tensorrt/cuda:0/fp16"] == "slower, 2.0 ms a picture"
    assert "not tried" in names(choice)["openvino/CPU/bf16"]


def test_gpus_draw_the_picture_too(pick):
    """They get the graph of form `source`, processors that of form `picture`."""
    for way, contract in ((TRT, SOURCE), (BF16, PICTURE), (IGPU, PICTURE)):
        assert pick([way], Bench({way: 1})).facts.contract == contract
    assert Shapes(PICTURE).on(TRT) == PICTURE


def test_a_wrong_result_is_never_shown(pick):
    """What fails the self-test is closed, told, and the next one is taken."""
    bench = Bench({BF16: 1, F32: 40}, wrong=[BF16])
    choice = pick([BF16, F32], bench)
    assert choice.engine.way is F32
    assert bench.opened[0].closed
    assert "failed its self-test" in names(choice)["openvino/CPU/bf16"]


def test_a_failure_to_open_is_told(pick):
    bench = Bench({BF16: 12}, errors={TRT: EngineError("no kernel for SM 9.0")})
    choice = pick([TRT, BF16], bench)
    assert choice.engine.way is BF16
    assert names(choice)["tensorrt/cuda:0/fp16"] == "no kernel for SM 9.0"


def test_the_last_resort_is_torch_on_the_processor(pick):
    bench = Bench({TORCH: 150}, errors={BF16: EngineError("a"), F32: EngineError("b")})
    assert pick([BF16, F32, TORCH], bench).engine.way is TORCH


def test_a_second_gpu_is_left_to_whoever_names_it(pick):
    choice = pick([TRT, TRT1], Bench({TRT: 2, TRT1: 3}))
    assert choice.engine.way is TRT
    assert "name it in generator.device" in names(choice)["tensorrt/cuda:1/fp16"]
    for device in ("cuda:1", "T4", "CUDA:1"):
        named = pick([TRT, TRT1], Bench({TRT: 2, TRT1: 3}), device=device)
        assert named.engine.way is TRT1


def test_what_is_asked_for_is_taken_though_slower(pick):
    choice = pick([BF16, F32, TORCH], Bench({TORCH: 150}), engine="torch")
    assert choice.engine.way is TORCH
    assert pick([BF16, IGPU], Bench({IGPU: 9}), device="GPU").engine.way is IGPU
    assert pick([TRT, BF16], Bench({BF16: 9}), device="cpu").engine.way is BF16


@pytest.mark.parametrize("ways", [[BF16, NO_TRT], [BF16]])
def test_what_is_asked_for_and_absent_is_an_error(pick, ways):
    """Never another one instead."""
    with pytest.raises(EngineError, match=r"^generator.engine tensorrt: "):
        pick(ways, Bench({BF16: 12}), engine="tensorrt")


def test_what_is_asked_for_and_fails_is_an_error(pick):
    bench = Bench({TRT: 1, BF16: 1}, wrong=[TRT])
    with pytest.raises(EngineError, match=r"generator.engine tensorrt: nothing can.*self-test"):
        pick([TRT, BF16], bench, engine="tensorrt")
    assert bench.opened[0].closed


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("GPU.3", r"GPU.3: there is no such device; there are CPU \(Some Xeon\), cpu"),
        ("cuda:1", "cuda:1: no NVIDIA driver"),
    ],
)
def test_a_device_that_is_not_there_is_named(pick, device, message):
    with pytest.raises(EngineError, match=f"^generator.device {message}$"):
        pick([BF16, F32, TORCH, NO_CUDA], Bench({}), device=device)


def test_nothing_at_all_is_an_error_with_every_reason(pick):
    bench = Bench({}, errors={BF16: EngineError("the graph is missing")})
    with pytest.raises(EngineError, match="the graph is missing") as caught:
        pick([BF16, NO_TRT, NO_TORCH], bench)
    assert str(caught.value).count("not installed") == 2


def test_a_build_that_is_stopped_stops_the_search(pick):
    """And closes what was opened before."""
    bench = Bench({GRAPH: 1}, errors={TRT: BuildStoppedError("stopped")})
    with pytest.raises(BuildStoppedError):
        pick([GRAPH, TRT, BF16], bench)
    assert [engine.closed for engine in bench.opened] == [True]


@pytest.mark.parametrize(("driver", "level"), [("580.1", logging.WARNING), (None, logging.INFO)])
def test_an_idle_gpu_is_warned_of(pick, monkeypatch, caplog, driver, level):
    """A processor computes although there is an NVIDIA driver."""
    monkeypatch.setattr(choose, "driver_version", lambda: driver)
    with caplog.at_level(logging.INFO):
        pick([BF16, NO_CUDA], Bench({BF16: 12}))
    (record,) = [one for one in caplog.records if one.name == "streamer.engine.choose"]
    assert record.levelno == level
    assert "no NVIDIA driver" in record.getMessage()


def test_the_real_thing_on_this_computer():
    """What is installed here is opened, tested and timed."""
    choice = choose_engine(GeneratorConfig(device="CPU"), unlearned("xs"), Shapes(PICTURE))
    with choice.engine:
        assert choice.facts.backend == "openvino"
        assert choice.facts.ms is not None
