"""The refiner's graph for OpenVINO: a committed file without weights, and the weights put in.

So whoever runs it needs no torch, and the same small file serves every size of picture.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import openvino as ov
from openvino import opset13

from engines.contract import WEIGHT, Contract, Floats, inputs
from engines.weights import Weights
from streamer.errors import EngineError

GRAPHS = Path(__file__).parents[2] / "engines" / "data" / "graphs"
"""Where the graphs lie that come with the program."""
_ov, _ops = cast("Any", ov), cast("Any", opset13)
_SEEN = "planes"
"""What the refiner sees: the seam between the two halves."""
_AGAIN = "install the program again: python -m pip install --force-reinstall ."


def model_of(
    core: ov.Core, contract: Contract, weights: Weights, folder: Path = GRAPHS
) -> ov.Model:
    """The graph of the contract with these weights in it.

    EngineError when there is no such graph, its file is damaged, or the weights are not its own.
    """
    if weights.size != contract.size:
        raise EngineError(
            f"weights of size {weights.size.upper()} do not fit engine {contract.name}; "
            "name a folder with the right ones in generator.weights"
        )
    path = graph_path(contract, folder)
    model = _read(core, path)
    _fill(model, weights, f"engine {contract.name}")
    _reshape(model, contract, path)
    return model


def embedder_model(core: ov.Core, weights: Weights, folder: Path = GRAPHS) -> ov.Model:
    """The embedder of these weights: one photo in, FiLM numbers out. EngineError as above."""
    path = folder / "embedder.onnx"
    if not path.is_file():
        raise EngineError(f"{path}: the embedder's graph is missing; {_AGAIN}")
    model = _read(core, path)
    _fill(model, weights, f"the embedder of size {weights.size.upper()}")
    return model


def graph_path(contract: Contract, folder: Path = GRAPHS) -> Path:
    """The file of the graph. EngineError when none came with the program."""
    if contract.form != "picture":
        raise EngineError(
            f"engine {contract.name}: OpenVINO has graphs that refine a drawn picture only; "
            "use torch or TensorRT for those that draw it too"
        )
    batch = f"-b{contract.batch}" if contract.batch > 1 else ""
    path = folder / f"refiner-{contract.size}-{contract.side}{batch}.onnx"
    if not path.is_file():
        there = ", ".join(sorted(one.stem for one in folder.glob("refiner-*.onnx")))
        raise EngineError(
            f"{path}: the graph is missing (there are: {there or 'none'}); if it should be "
            f"there, {_AGAIN}"
        )
    return path


def halves(model: ov.Model, contract: Contract) -> tuple[ov.Model, ov.Model]:
    """The graph cut where the refiner begins, for they are computed in different precisions.

    The first half puts out `planes`, which the second takes. In bf16 a coordinate of a picture of
    512 px is off by up to 2 px, and OpenVINO would compute what lies before the first convolution
    in bf16 (not what comes after the last one).
    """
    second = model.clone()
    seam, other = _seam(model, contract), _seam(second, contract)
    end = _ops.result(seam)
    start = _ops.parameter(list(seam.get_shape()), np.float32, name=_SEEN)
    other.replace(start.output(0))
    start.output(0).set_names({_SEEN})
    results = second.get_results()
    return (
        _ov.Model([end], _needed([end], model.get_parameters())),
        _ov.Model(results, [*_needed(results, second.get_parameters()), start]),
    )


def _seam(model: ov.Model, contract: Contract) -> Any:  # noqa: ANN401  (a port of OpenVINO)
    for node in model.get_ops():
        for port in node.outputs():
            if _SEEN in port.get_names():
                return port
    raise EngineError(f"engine {contract.name}: its graph does not name the refiner's {_SEEN}")


def _needed(ends: list[Any], parameters: list[ov.op.Parameter]) -> list[ov.op.Parameter]:
    """Those of the parameters that the ends depend on."""
    seen: set[str] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        name = node.get_friendly_name()
        if name not in seen:
            seen.add(name)
            waiting += [value.get_node() for value in node.input_values()]
    return [one for one in parameters if one.get_friendly_name() in seen]


def _read(core: ov.Core, path: Path) -> ov.Model:
    try:
        return cast("Any", core).read_model(path)
    except RuntimeError as error:
        raise EngineError(f"{path}: the graph is damaged; {_AGAIN}") from error


def _fill(model: ov.Model, weights: Weights, what: str) -> None:
    """Put a constant where each weight is an input; `what` the model is, for a person."""
    for parameter in model.get_parameters():
        name: str = parameter.get_friendly_name()
        if name.startswith(WEIGHT):
            hole = parameter.get_partial_shape()
            constant = _ops.constant(_weight(weights, name.removeprefix(WEIGHT), hole, what))
            constant.set_friendly_name(name)
            parameter.output(0).replace(constant.output(0))
            model.remove_parameter(parameter)


def _weight(weights: Weights, name: str, hole: Any, what: str) -> Floats:  # noqa: ANN401
    """The array for a hole, whose partial shape is OpenVINO's."""
    array = weights.arrays.get(name)
    if array is not None and hole.compatible(_ov.PartialShape(list(array.shape))):
        return np.ascontiguousarray(array, np.float32)
    fault = "is missing" if array is None else f"is {array.shape}, not {hole}"
    raise EngineError(
        f"weights for {what}: {name} {fault}: they are of another architecture; "
        "name a folder with the right ones in generator.weights"
    )


def _reshape(model: ov.Model, contract: Contract, path: Path) -> None:
    shapes = {entry.name: list(entry.shape) for entry in inputs(contract)}
    there = {str(port.get_any_name()) for port in model.inputs}
    if there != shapes.keys():
        odd = ", ".join(sorted(there ^ shapes.keys()))
        raise EngineError(f"{path}: not the graph of this version ({odd}); {_AGAIN}")
    try:
        model.reshape(shapes)
    except RuntimeError as error:
        raise EngineError(f"{path}: it cannot take the shapes of {contract.name}") from error
