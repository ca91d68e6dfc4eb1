"""The exported graph: made by a child process, kept on disk, and right in the engine's seats."""

import threading
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

from engines.model import initial, probe, weights_of  # noqa: E402
from streamer.engine import graphfile, tensorrt  # noqa: E402
from streamer.engine.benchmark import distance  # noqa: E402
from streamer.engine.build import BuildStoppedError, Watch  # noqa: E402
from streamer.engine.eager import TorchEngine  # noqa: E402
from streamer.engine.maker import Maker  # noqa: E402
from streamer.engine.protocol import Job  # noqa: E402
from streamer.engine.sample import sample  # noqa: E402
from streamer.errors import EngineError  # noqa: E402
from tests.cuda_memory import FakeDevice  # noqa: E402
from tests.gpus import ONE, FakeTrt  # noqa: E402


def test_the_exported_graph_by_the_engine(tmp_path):
    """The real graph, exported by the child, with the real names, shapes and seats.

    ONNX Runtime stands in for the GPU: it computes where the addresses point.
    """
    contract = replace(ONE, batch=2)
    weights = weights_of(probe("xs", "random"))
    onnx = graphfile.graph(contract, weights, tmp_path, Watch())
    assert graphfile.graph(contract, weights, tmp_path, Watch()) == onnx  # kept
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])

    def compute(graph, arrays):
        given = {one.name: arrays[one.name] for one in session.get_inputs()}
        for one, made in zip(session.get_outputs(), session.run(None, given), strict=True):
            arrays[one.name][:] = made

    device = FakeDevice()
    trt = FakeTrt(device, compute=compute)
    trt.contract = contract
    maker = Maker(trt.library(), device, onnx, contract, tmp_path, Watch())
    given = [sample(contract, seed) for seed in range(3)]
    pictures = []
    for engine in (tensorrt.started(maker, weights.digest), TorchEngine(contract, weights)):
        with engine:
            pictures.append(engine.run([Job(engine.bind(s), f) for s, f in given]))
    gap = distance(*pictures)
    assert gap.mean < 0.1
    assert gap.worst <= 8


def test_an_export_that_fails_or_is_stopped_is_told(monkeypatch, tmp_path):
    """With the child's last line; a stopped one ends with its child."""
    weights = weights_of(initial("xs"))
    stop = threading.Event()
    stop.set()
    with pytest.raises(BuildStoppedError):
        graphfile.graph(ONE, weights, tmp_path, Watch(stopped=stop.is_set))
    monkeypatch.setattr(graphfile, "CHILD", "streamer.engine.nothing")
    with pytest.raises(EngineError, match=r"cannot be exported: .*streamer\.engine\.nothing"):
        graphfile.graph(ONE, weights, tmp_path, Watch())
    assert list(tmp_path.iterdir()) == []
