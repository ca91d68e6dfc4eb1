"""One graph, several judges: torch, ONNX Runtime and OpenVINO agree on every picture."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import openvino as ov  # noqa: E402

from engines.contract import Contract, inputs  # noqa: E402
from engines.export import GRAPHS, Precision, export, fill, graph, serialised  # noqa: E402
from engines.model import initial, into, probe, weights_of  # noqa: E402
from tests import neural  # noqa: E402

ODD = Contract("xs", 192, 407, 391)
PAIR = Contract("xs", 128, 120, 150, batch=2)
SOURCE = Contract("xs", 64, 160, 140, 2, "source", (150, 170))


@cache
def weights(what, seed=0):
    """Of the smallest size: a probe (`mild` is `random` halved), or what has learned nothing."""
    if what == "initial":
        return weights_of(initial("xs", seed))
    refiner = probe("xs", "random" if what == "mild" else what, seed)
    if what == "mild":
        with torch.no_grad():
            for head in (refiner.fine, refiner.coarse):
                head.weight.mul_(0.5)
    return weights_of(refiner)


@cache
def skeleton(contract: Contract, precision: Precision):
    """A graph without weights: the one that comes with the program, or a new one."""
    batch = f"-b{contract.batch}" if contract.batch > 1 else ""
    path = GRAPHS / f"refiner-{contract.size}-{contract.side}{batch}.onnx"
    if precision == "fp32" and contract.form == "picture" and path.is_file():
        return onnx.load(path)
    return export(contract, precision=precision)


def file(contract: Contract, what, precision: Precision = "fp32"):
    """The bytes of a graph with weights. Those of form `picture` do for boxes of all sizes."""
    if contract.form == "picture":
        contract = replace(contract, height=400, width=400)
    model = onnx.ModelProto()
    model.CopyFrom(skeleton(contract, precision))
    fill(model, weights(what))
    return serialised(model)


def by_torch(contract, what, arrays):
    """The picture in f32, the reference."""
    with torch.inference_mode():
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return graph(contract, into(weights(what)))(tensors)[0].numpy()


def by_onnxruntime(contract, what, arrays, precision: Precision = "fp32"):
    """The picture by the neutral judge."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    data = file(contract, what, precision)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(["refined"], arrays)[0]


def by_openvino(contract, what, arrays, precision="f32"):
    """The picture by OpenVINO."""
    core = ov.Core()
    model = core.read_model(file(contract, what))
    model.add_outputs("planes")  # so that OpenVINO keeps f32 in what leads there
    model.reshape({entry.name: list(entry.shape) for entry in inputs(contract)})
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    request.infer(arrays)
    return request.get_tensor("refined").data.copy()


def away(one, other):
    """Mean and greatest difference, of 255."""
    difference = np.abs(one.astype(int) - other.astype(int))
    return difference.mean(), difference.max()


def has_bf16():
    """Whether OpenVINO would use it here."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.parametrize("contract", [ODD, PAIR], ids=lambda c: c.name)
def test_everywhere_what_has_learned_nothing_changes_nothing(contract):
    """Bit for bit, in f32."""
    arrays = neural.made_up(contract)
    for judge in (by_torch, by_onnxruntime, by_openvino):
        assert np.array_equal(judge(contract, "initial", arrays), arrays["picture"]), judge


@pytest.mark.parametrize("what", ["flow", "gain", "rgb", "random"])
@pytest.mark.parametrize("contract", [ODD, PAIR], ids=lambda c: c.name)
def test_in_f32_all_agree_to_one_level(contract, what):
    """On made-up pictures, of one portrait and of two at once."""
    arrays = neural.made_up(contract, seed=3)
    expected = by_torch(contract, what, arrays)
    assert away(expected, arrays["picture"])[0] > 2
    for judge in (by_onnxruntime, by_openvino):
        assert away(judge(contract, what, arrays), expected)[1] <= 1


def close(one, other):
    """Within what half precision may cost."""
    mean, most = away(one, other)
    return (mean <= 2, most <= 8) == (True, True)


def test_on_real_pictures_half_precision_is_close():
    """FP16 and bf16 against f32: 2 of 255 in the mean and 8 at most."""
    plain, contract, frame, still = neural.drawn("ada", side=192)
    arrays = neural.given(contract, [frame], [still])
    expected = by_torch(contract, "mild", arrays)
    assert away(expected, plain[None])[0] > 2
    assert away(by_onnxruntime(contract, "mild", arrays), expected)[1] <= 1
    assert close(by_onnxruntime(contract, "mild", arrays, "fp16"), expected)
    assert not has_bf16() or close(by_openvino(contract, "mild", arrays, "bf16"), expected)


@pytest.mark.skipif(not has_bf16(), reason="no bf16 here")
@pytest.mark.parametrize("what", ["flow", "gain", "rgb"])
@pytest.mark.parametrize("contract", [ODD, PAIR], ids=lambda c: c.name)
def test_on_made_up_pictures_bf16_is_close(contract, what):
    """The same of each path by itself, in boxes of odd sizes, of two portraits."""
    arrays = neural.made_up(contract, seed=5)
    expected = by_torch(contract, what, arrays)
    assert close(by_openvino(contract, what, arrays, "bf16"), expected)


def test_no_size_of_the_picture_is_in_the_graph():
    """OpenVINO takes one and the same file for boxes of any size."""
    boxes = [Contract("xs", 192, *box) for box in ((64, 80), (33, 250))]
    assert [file(box, "random") for box in boxes] == [file(ODD, "random")] * 2
    for box in boxes:
        arrays = neural.made_up(box)
        expected = by_torch(box, "random", arrays)
        assert away(by_openvino(box, "random", arrays), expected)[1] <= 1


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_form_source_is_the_same_in_onnx(precision):
    """Drawn in the graph and refined, of two portraits at once."""
    arrays = neural.made_up(SOURCE)
    for what in ("initial", "gain", "random"):
        expected = by_torch(SOURCE, what, arrays)
        theirs = by_onnxruntime(SOURCE, what, arrays, precision)
        # what is drawn is rounded, now and then the other way
        assert (away(theirs, expected)[1] <= 2) if precision == "fp32" else close(theirs, expected)


def test_each_of_a_batch_is_as_if_alone():
    """Padding and neighbours do not matter."""
    arrays = neural.made_up(PAIR)
    both = by_onnxruntime(PAIR, "random", arrays)
    first = {k: v if k in ("across", "down") else v[[0, 0]] for k, v in arrays.items()}
    twice = by_onnxruntime(PAIR, "random", first)
    assert np.array_equal(twice[0], twice[1])
    assert away(twice[0], both[0])[1] <= 1


@pytest.mark.parametrize("name", ["ada", "bruno"])
def test_form_source_draws_what_the_processor_draws(name):
    """Half a level in the mean, and nearly everywhere within two."""
    plain, contract, frame, still = neural.drawn(name, form="source", side=64)
    arrays = neural.given(contract, [frame], [still])
    drawn = by_torch(contract, "initial", arrays)[0]
    difference = np.abs(drawn.astype(int) - plain)
    assert difference.mean() <= 0.5
    assert (difference.max(2) <= 2).mean() >= 0.999
