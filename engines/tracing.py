"""A module of torch as an ONNX graph whose weights are inputs: what all graphs here have in common.

The same module gives the same bytes every time.
"""

import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import onnx
import onnxscript
import torch
from onnxscript import optimizer
from torch import Tensor, nn

OPSET = 20
"""The exporter's own; OpenVINO, TensorRT-RTX and ONNX Runtime all take it."""
FOLDED = 4096
"""Bytes up to which constants are computed beforehand: grids of the net are left to the reader."""
Free = dict[str, dict[int, Any] | None]
"""By input or weight, the sizes that whoever reads the graph may choose."""
_exporter = cast("Any", torch.onnx)


class _Open(nn.Module):
    """A module with its weights as inputs.

    Were they constants, the exporter would draw conclusions from what they happen to be: it leaves
    out a bias that is zero.
    """

    def __init__(self, closed: nn.Module) -> None:
        super().__init__()
        self.closed = closed

    def forward(self, given: dict[str, Tensor], weights: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """As the module itself."""
        return torch.func.functional_call(self.closed, weights, (given,))


def traced(
    closed: nn.Module,
    given: Mapping[str, Tensor],
    weights: Mapping[str, str],
    outputs: Sequence[str],
    free: tuple[Free, Free] | None = None,
) -> onnx.ModelProto:
    """The graph of a module that takes `given`, by name, as its one argument.

    `weights` are the names that its parameters have in the graph, `free` the sizes of inputs and
    of weights that are left open.
    """
    there = {name: tensor.detach() for name, tensor in closed.named_parameters()}
    with quiet():
        program = torch.export.export(_Open(closed), (dict(given), there), dynamic_shapes=free)
        exported = _exporter.export(
            program,
            input_names=[*given, *(weights[name] for name in there)],
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
        assert exported is not None
        optimizer.optimize_ir(exported.model, input_size_limit=FOLDED, output_size_limit=FOLDED)
    return exported.model_proto


@contextmanager
def quiet() -> Generator[None]:
    """The exporter warns of itself, of packages that it does without, and logs every step."""
    logs = [logging.getLogger(name) for name in ("torch.onnx", "torch.__trace")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def bare(model: onnx.ModelProto, name: str) -> None:
    """Take out what only says where in the code a node comes from, and what nothing reads."""
    model.producer_name, model.producer_version, model.doc_string = "vivant", "", ""
    graph = model.graph
    graph.name, graph.doc_string = name, ""
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    for part in (graph, model):
        del part.metadata_props[:]
    del graph.value_info[:]  # they would tell sizes that are left open
    read = {name for node in graph.node for name in node.input}
    for tensor in [t for t in graph.initializer if t.name not in read]:
        graph.initializer.remove(tensor)


def exporter() -> str:
    """What the bytes of a graph depend on besides the graph."""
    version = torch.__version__.split("+")[0]
    return f"torch {version}, onnx {onnx.__version__}, onnxscript {onnxscript.__version__}"


def serialised(model: onnx.ModelProto) -> bytes:
    """The file's bytes, the same ones for the same graph."""
    return cast("bytes", cast("Any", model).SerializeToString(deterministic=True))
