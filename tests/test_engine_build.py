"""`vivant engines build` for portraits: the engines that a run opens, and no others."""

import argparse
import time
from dataclasses import replace

import pytest

from streamer.app import controls_of, open_portrait
from streamer.commands import engines
from streamer.commands.enginebench import Order
from streamer.commands.enginebuild import cases_for, planned
from streamer.config import Config
from streamer.control import Desk
from streamer.engine import check, choose, tensorrt, ways
from streamer.engine.benchmark import Parity
from streamer.engine.build import Watch, build
from streamer.engine.choose import first_choices
from streamer.engine.graphfile import graph
from streamer.engine.library import libraries
from streamer.engine.stock import unlearned
from streamer.engine.ways import Way
from streamer.errors import ConfigError, EngineError, MediaError
from streamer.generator import open_live_generator
from tests.cuda_memory import FakeDevice
from tests.faces import generator
from tests.gpus import FakeTrt, graph_of
from tests.refiners import weights_folder

TRT = Way("tensorrt", "cuda:0", "fp16", "tensorrt_rtx 1.0", "NVIDIA Fake 1")
GRAPH = Way("torch", "cuda:0", "fp16", "torch 2", "NVIDIA Fake 1", graph=True)
CPU = Way("openvino", "CPU", "f32", "openvino 1", "A Processor")


def settings(**changes):
    """Of a run without a camera; pictures of 256 px, refiners XS and M."""
    own = {"size": 256, "weights": weights_folder("xs", "m")} | changes
    return Config.model_validate(
        {"generator": own, "sink": {"kind": "none"}, "web": {"size": [320, 256]}}
    )


def plan(portraits=(), purpose="run", config=None, order=None):
    return planned(config or settings(), order or Order(), portraits, purpose)


def vivant(*arguments):
    """What the command line does, but for its messages."""
    parser = argparse.ArgumentParser()
    engines.add_parser(parser.add_subparsers())
    args = parser.parse_args(arguments)
    return args.func(args)


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """A GPU with TensorRT and torch, which are not there; and its engine folder."""
    monkeypatch.setenv("VIVANT_HOME", str(tmp_path))
    device = FakeDevice()
    trt = FakeTrt(device, compute=lambda graph, arrays: None)
    monkeypatch.setattr(tensorrt, "libraries", lambda: (trt.library(),))
    monkeypatch.setattr(tensorrt, "cards", lambda: (device.card,))
    monkeypatch.setattr(tensorrt, "TorchDevice", lambda card: device)
    monkeypatch.setattr(tensorrt, "graph", lambda contract, *rest: graph_of(contract))
    for module in (ways, choose):
        monkeypatch.setattr(module, "all_ways", lambda: [TRT, CPU])
    monkeypatch.setattr(check.Judge, "verdict", passed)
    return trt


def passed(judge, engine):
    """What a GPU that is not there computes is not looked at."""
    return check.Verdict(replace(engine.facts, ms=1.0), Parity(0, 0))


@pytest.fixture
def processor(monkeypatch):
    """Nothing but OpenVINO."""
    monkeypatch.setattr(ways, "all_ways", lambda: [CPU])


def test_shapes_are_those_of_the_portrait(gpu):
    """Each size on the whole face, in the texture's shape; and mouth and eyes. Smallest first."""
    cases = plan(["bruno"]).cases
    assert all(case.way is TRT for case in cases)
    found = [case.contract for case in cases]
    assert [(one.size, one.side, one.batch, one.form) for one in found] == [
        ("xs", 128, 2, "picture"),
        ("xs", 256, 1, "source"),
        ("m", 256, 1, "source"),
    ]
    assert {(one.width, one.height) for one in found[1:]} == {(256, 256)}
    rows, columns = generator("bruno", 256).atlas.texture.shape[:2]
    for texture in (one.texture for one in found[1:]):
        assert rows <= texture[0] < rows + 512
        assert columns <= texture[1] < columns + 256


def test_a_canvas_of_the_settings_is_that_of_the_engines(gpu):
    """As of a virtual camera."""
    wide = settings().model_copy(
        update={"sink": settings().sink.model_copy(update={"size": (640, 360)})}
    )
    contract = plan(config=wide).cases[-1].contract
    assert (contract.width, contract.height) == (640, 360)


def test_a_server_has_all_its_portraits_and_batches(gpu):
    """As many runs as may share an engine; portraits whose shapes agree share it, too."""
    cases = plan(purpose="serve").cases
    whole = [case.contract for case in cases if case.contract.form == "source"]
    assert {(one.width, one.height) for one in whole} == {(320, 256)}
    assert [one.batch for one in whole if one.size == "m"] == [1, 2, 4]
    assert len(cases) == len(set(cases))
    one = plan(["ada"], purpose="serve").cases
    assert set(one) <= set(cases)


def test_a_run_after_it_builds_nothing(gpu, capsys, tmp_path):
    """The very engines that it opens are there: each is opened, and none built."""
    options = ("--set", f"generator.weights={weights_folder('xs', 'm')}")
    options += ("--set", "generator.size=256", "--set", "sink.kind=none")
    assert vivant("engines", "build", "--portrait", "mei", *options) == 0
    assert "tensorrt/cuda:0/fp16" in capsys.readouterr().out
    assert len(list(tmp_path.rglob("*.engine"))) == gpu.built == gpu.opened == 3
    own = {"portrait": "mei", "portraits": ("mei",)}
    config = settings(refiner="m").model_copy(update=own)
    with open_live_generator(config, Desk(controls_of(config)), open_portrait) as live:
        begun_s = time.monotonic()
        while live.label.count("TensorRT") < 1 or gpu.opened < 5:
            assert time.monotonic() - begun_s < 60
            time.sleep(0.01)
        assert "refiner M @256 by TensorRT fp16" in live.label
    assert gpu.built == 3


def test_only_what_a_run_would_take_is_built(gpu, monkeypatch):
    """Not what needs no building, what the settings leave out, or what comes after a GPU."""
    integrated = Way("openvino", "GPU", "fp16", "openvino 1", "An Integrated One")
    second = Way("tensorrt", "cuda:1", "fp16", "tensorrt_rtx 1.0", "NVIDIA Fake 2")
    monkeypatch.setattr(ways, "all_ways", lambda: [integrated, CPU, TRT, second, GRAPH])
    assert first_choices(settings().generator, ways.all_ways()) == [TRT, GRAPH]
    assert {case.way for case in plan().cases} == {TRT}
    assert {case.way for case in plan(config=settings(device="cuda:1")).cases} == {second}
    assert {case.way for case in plan(config=settings(device="GPU")).cases} == {integrated}
    assert plan(config=settings(engine="torch")).cases == []
    sizes = {case.contract.size for case in plan(config=settings(refiner="xs")).cases}
    assert sizes == {"xs"}


def test_where_nothing_is_kept_nothing_is_built(processor, capsys):
    """And no portrait is opened for it."""
    assert vivant("engines", "build", "--portrait", "gone.png") == 0
    assert "nothing here has to be built" in " ".join(capsys.readouterr().out.split())


def test_a_named_engine_is_opened_all_the_same(processor, capsys):
    """In the shapes of the portrait."""
    weights = f"generator.weights={weights_folder('xs')}"
    options = ("--set", weights, "--set", "generator.size=256", "--set", "sink.kind=none")
    assert vivant("engines", "build", "openvino", "--portrait", "ada", *options) == 0
    said = capsys.readouterr().out
    assert "XS@128" in said
    assert "XS@256" in said


def test_without_a_refiner_there_is_nothing_to_build(gpu, tmp_path, monkeypatch):
    """Either way, and it says which."""
    assert "generator.refiner is off" in plan(config=settings(refiner="off")).nothing
    monkeypatch.setattr("engines.weights.FOLDER", tmp_path)
    assert "no trained refiner is installed" in plan(config=settings(weights=None)).nothing
    with pytest.raises(EngineError, match="no weights are in this folder"):
        plan(config=settings(weights=str(tmp_path)))


def test_lists_are_for_other_shapes(gpu):
    """As before; not together with a portrait."""
    order = Order(nets="xs", resolutions="256", batches="1")
    (case,) = plan(order=order).cases
    assert case.contract.texture == (256, 256)
    with pytest.raises(ConfigError, match="--portrait: a portrait has its own nets"):
        plan(["ada"], order=order)


def test_a_portrait_that_is_not_there_is_told(gpu):
    """By its name, with those that are bundled."""
    with pytest.raises(MediaError, match=r"gone.png: no such file.*ada"):
        plan(["gone.png"])


def test_tensorrt_for_rtx_builds_a_portraits_graph():
    """The real exporter and the real library, as far as they go without a GPU: for one kind."""
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    pytest.importorskip("tensorrt_rtx")
    cases = cases_for(settings(), ["ada"], [TRT], "run")
    (case,) = (c for c in cases if c.contract.form == "source" and c.contract.size == "xs")
    onnx = graph(case.contract, unlearned("xs"), None, Watch())
    library = next(one for one in libraries() if one.name == "tensorrt_rtx")
    assert len(build(library, onnx, "8.9", Watch())) > 1_000_000
