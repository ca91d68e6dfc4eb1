"""The exported graph: small, the same every time; those in the program are up to date."""

import json
import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from engines import export as module  # noqa: E402
from engines.contract import WEIGHT, Contract, inputs, outputs  # noqa: E402
from engines.export import GRAPHS, OPSET, SKELETONS, export, fill, main, serialised  # noqa: E402
from engines.model import probe, weights_of  # noqa: E402

SMALL = Contract("xs", 64, 48, 40)
EVERY = os.environ.get("VIVANT_EVERY_BUILD") == "1"


def notes(model):
    """What the file says of itself."""
    return {note.key: note.value for note in model.metadata_props}


def shapes(values):
    """By name; a size that may be chosen is its name."""
    return {
        value.name: tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in values
    }


@pytest.mark.parametrize("name", list(SKELETONS) if EVERY else ["refiner-xs-128-b2"])
def test_the_graphs_that_come_with_the_program_are_those_of_the_code(name):
    """If this fails: python -m engines.export."""
    path = GRAPHS / f"{name}.onnx"
    model = onnx.load(path)
    if notes(model)["vivant.exporter"] != module.exporter():
        pytest.skip("made by other versions of the exporter")
    assert serialised(export(SKELETONS[name])) == path.read_bytes()


@pytest.mark.parametrize("name", list(SKELETONS))
def test_skeletons_are_small_and_valid(name):
    """Every weight of the refiner is an input, and nothing tells of the code they come from."""
    path, contract = GRAPHS / f"{name}.onnx", SKELETONS[name]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert path.stat().st_size < 64_000
    given = shapes(model.graph.input)
    weights = {k.removeprefix(WEIGHT): s for k, s in given.items() if k.startswith(WEIGHT)}
    own = probe(contract.size, "gain").state_dict()
    assert weights == {k: tuple(t.shape) for k, t in own.items()}
    assert [k for k in given if k not in {WEIGHT + w for w in weights}] == [
        entry.name for entry in inputs(contract)
    ]
    assert given["picture"] == (contract.batch, "h", "w", 3)
    assert {e.name for e in outputs(contract)} == shapes(model.graph.output).keys()
    assert model.opset_import[0].version == OPSET
    assert json.loads(notes(model)["vivant.contract"]) == contract.facts()
    assert notes(model)["vivant.weights"] == "none"
    assert not any(n.doc_string or n.metadata_props for n in model.graph.node)
    assert not model.graph.value_info
    text = path.read_bytes()
    assert b".py" not in text
    assert str(GRAPHS.parents[2]).encode() not in text


def test_weights_come_in_where_they_were_missing():
    """Also zeros: none of them is taken for granted beforehand."""
    weights = weights_of(probe("xs", "gain"))
    model = export(SMALL, weights, "fp16")
    there = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for name, array in weights.refiner.items():
        assert there[WEIGHT + name].dtype == np.float16
        assert np.array_equal(there[WEIGHT + name], array.astype(np.float16))
    assert not any(value.name.startswith(WEIGHT) for value in model.graph.input)
    assert notes(model)["vivant.weights"] == weights.digest
    assert notes(model)["vivant.precision"] == "fp16"


def test_fp16_stays_out_of_coordinates_and_samplers():
    """Every sampler reads FP32; every convolution reads FP16."""
    model = export(Contract("xs", 64, 40, 48, 1, "source", (50, 60)), precision="fp16")
    kinds = types(model)
    samplers = [n for n in model.graph.node if n.op_type == "GridSample"]
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    assert samplers
    assert convolutions
    for node in samplers:
        assert {kinds[name] for name in node.input} == {onnx.TensorProto.FLOAT}
    for node in convolutions:
        assert {kinds[name] for name in node.input} == {onnx.TensorProto.FLOAT16}
    refined = shapes(model.graph.output)["refined"]
    assert refined == (1, 40, 48, 3)


def types(model):
    """Element types by name, of everything in the graph."""
    known = onnx.shape_inference.infer_shapes(model).graph
    values = [*known.value_info, *known.input, *known.output]
    return {v.name: v.type.tensor_type.elem_type for v in values} | {
        t.name: t.data_type for t in known.initializer
    }


def test_filling_twice_changes_nothing():
    """There is no place left."""
    model = onnx.load(GRAPHS / "refiner-xs-192.onnx")
    fill(model, weights_of(probe("xs", "gain")))
    before = serialised(model)
    fill(model, weights_of(probe("xs", "flow")))
    assert serialised(model) == before


def test_the_command_writes_and_tells_sizes(tmp_path, capsys, monkeypatch):
    """One graph into a folder that it makes."""
    monkeypatch.setattr(module, "SKELETONS", {"small": SMALL})
    assert main(["--only", "small", "--folder", str(tmp_path / "new")]) == 0
    path = tmp_path / "new" / "small.onnx"
    assert f"{path}: {path.stat().st_size:,} bytes" in capsys.readouterr().out
