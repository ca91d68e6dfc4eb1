"""Writes the graph as ONNX, with weights or with holes for them: torch is needed here, not later.

A *skeleton* is a graph whose weights are inputs, `weights.` before their names: a few dozen KB that
serve any weights. Those of form `picture` come with the program, so that a processor needs no torch
to run them. The same graph gives the same bytes every time.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from engines.contract import WEIGHT, Contract, inputs, outputs
from engines.graph import FromPicture, FromSource
from engines.model import PARAMS, Refiner
from engines.tracing import OPSET, Free, bare, exporter, serialised, traced
from engines.weights import Weights

Precision = Literal["fp32", "fp16"]
GRAPHS = Path(__file__).with_name("data") / "graphs"
"""where the skeletons lie that come with the program"""
_BOX = 400
"""Height and width in them, px; who reads one gives it those of the box at hand."""
SKELETONS: dict[str, Contract] = {
    "refiner-xs-256": Contract("xs", 256, _BOX, _BOX),
    "refiner-s-256": Contract("s", 256, _BOX, _BOX),
    "refiner-m-256": Contract("m", 256, _BOX, _BOX),
    "refiner-xs-192": Contract("xs", 192, _BOX, _BOX),
    "refiner-xs-128-b2": Contract("xs", 128, _BOX, _BOX, batch=2),
}
SEEN = "planes"
"""Name in the graph of what the refiner sees, (B, 20, N, N)."""
_LARGEST = 16384
_tools = cast("Any", helper)
_arrays = cast("Any", numpy_helper)


def export(
    contract: Contract, weights: Weights | None = None, precision: Precision = "fp32"
) -> onnx.ModelProto:
    """The graph of these shapes; without weights, their places are inputs.

    Then, in form `picture`, height and width of the picture are left to whoever reads it.

    In "fp16" the convolutions and their weights are FP16, by casts in the graph; what the contract
    names stays as it is.
    """
    model = _traced(contract, precision, _free(contract) if weights is None else None)
    bare(model, "refiner")
    _name_planes(model.graph)
    _name_sizes(model.graph)
    if weights is not None:
        fill(model, weights)
    notes = {
        "vivant.contract": json.dumps(contract.facts(), sort_keys=True),
        "vivant.exporter": exporter(),
        "vivant.opset": str(OPSET),
        "vivant.precision": precision,
        "vivant.weights": weights.digest if weights else "none",
    }
    _tools.set_model_props(model, notes)
    return model


def fill(model: onnx.ModelProto, weights: Weights) -> None:
    """Put the weights where they are inputs, in the precision that the graph has there."""
    arrays = weights.refiner
    holes = [value for value in model.graph.input if value.name.startswith(WEIGHT)]
    for hole in holes:
        kind = _tools.tensor_dtype_to_np_dtype(hole.type.tensor_type.elem_type)
        array = np.ascontiguousarray(arrays[hole.name.removeprefix(WEIGHT)], kind)
        model.graph.initializer.append(_arrays.from_array(array, hole.name))
        model.graph.input.remove(hole)


def graph(contract: Contract, refiner: nn.Module) -> FromPicture | FromSource:
    """The same in torch."""
    form = FromPicture if contract.form == "picture" else FromSource
    return form(refiner, contract.side).eval()


def examples(contract: Contract) -> dict[str, Tensor]:
    """Inputs of the right shapes, all zero."""
    return {
        entry.name: torch.tensor(np.zeros(entry.shape, entry.dtype)) for entry in inputs(contract)
    }


def _traced(contract: Contract, precision: Precision, free: Free | None) -> onnx.ModelProto:
    """The graph as the exporter gives it, of fixed sizes but for those that are `free`."""
    refiner = Refiner(PARAMS[contract.size])
    closed = graph(contract, refiner.half() if precision == "fp16" else refiner)
    parameters = [name for name, _ in closed.named_parameters()]
    names = {name: WEIGHT + name.split("refiner.", 1)[1] for name in parameters}
    sizes = None if free is None else (free, dict.fromkeys(parameters))
    made = [entry.name for entry in outputs(contract)]
    return traced(closed, examples(contract), names, made, sizes)


def _free(contract: Contract) -> Free | None:
    """By input, the sizes that whoever reads the graph may choose: those of a given picture."""
    if contract.form == "source":
        return None
    height, width = torch.export.Dim("h", max=_LARGEST), torch.export.Dim("w", max=_LARGEST)
    box: dict[int, Any] = {1: height, 2: width}
    sizes: Free = {entry.name: None for entry in inputs(contract)}
    sizes |= {"picture": box, "places": box, "layers": box}
    sizes |= {"across": {0: width}, "down": {0: height}}
    return sizes


def _name_planes(graph: onnx.GraphProto) -> None:
    """Name what the refiner sees, so that a reader can find it: `planes`."""
    makers = {name: node for node in graph.node for name in node.output}
    node = next(n for n in graph.node if WEIGHT + "stem.weight" in n.input)
    while node.op_type != "Concat":  # the nearest: those before it are parts of it
        node = makers[node.input[0]]
    old = node.output[0]
    for reader in graph.node:
        for i, given in enumerate(reader.input):
            if given == old:
                reader.input[i] = SEEN
    node.output[0] = SEEN


def _name_sizes(graph: onnx.GraphProto) -> None:
    """Call sizes that may be chosen by their names, not by the exporter's numbers for them."""
    names: dict[str, str] = {}
    for value in (*graph.input, *graph.output):
        sizes = value.type.tensor_type.shape.dim
        if value.name == "picture" and sizes[1].dim_param:
            names = {sizes[1].dim_param: "h", sizes[2].dim_param: "w"}
        for size in sizes:
            if size.dim_param:
                size.dim_param = names[size.dim_param]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the skeletons that come with the program."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.export",
        description=(
            "Write the refiner's graphs without weights, as they come with the program. Do so "
            "after every change of engines/graph.py or engines/model.py. Needs the extra [train]."
        ),
        epilog=(
            "examples:\n  python -m engines.export\n"
            "  python -m engines.export --only refiner-xs-256 --folder /tmp/graphs"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=GRAPHS, help="where to (%(default)s)")
    parser.add_argument("--only", choices=list(SKELETONS), help="this one alone")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in [asked.only] if asked.only else SKELETONS:
        data = serialised(export(SKELETONS[name]))
        path = asked.folder / f"{name}.onnx"
        path.write_bytes(data)
        sys.stdout.write(f"{path}: {len(data):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
