"""Writes the embedder's graph without weights, as it comes with the program; torch is needed here.

One file serves all sizes: how many numbers come out, the weights put in decide. Do so after every
change of the embedder in engines/model.py: python -m engines.embedding
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from engines.contract import FILM, WEIGHT
from engines.model import PARAMS, Embedder
from engines.photo import SIDE
from engines.tracing import OPSET, Free, bare, exporter, serialised, traced
from engines.weights import EMBEDDER, PHOTO

GRAPH = Path(__file__).with_name("data") / "graphs" / "embedder.onnx"
_PROJECTS = f"{EMBEDDER}project."
_tools = cast("Any", helper)


class FromPhoto(nn.Module):
    """The embedder, given photos as `engines.photo` makes them: by training, and in the graph."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, given: Mapping[str, Tensor]) -> tuple[Tensor]:
        """FiLM numbers (B, F) of `photos` (B, K, SIDE, SIDE, 6), 0..255: K photos of each face."""
        planes = given["photos"].float().permute(0, 1, 4, 2, 3) / 255
        return (self.embedder(planes),)


def export() -> onnx.ModelProto:
    """The graph of one photo: (1, 1, SIDE, SIDE, 6) uint8 to (1, F).

    The numbers of several are the mean of those of each, since the last layer is linear.
    """
    module = FromPhoto(Embedder(PARAMS["xs"])).eval()
    names = {name: f"{WEIGHT}{name}" for name, _ in module.named_parameters()}
    count = torch.export.Dim("f", min=min(FILM.values()), max=max(FILM.values()))
    sizes: Free = {name: {0: count} if name.startswith(_PROJECTS) else None for name in names}
    photos = torch.zeros((1, 1, SIDE, SIDE, PHOTO), dtype=torch.uint8)
    model = traced(module, {"photos": photos}, names, ["film"], ({"photos": None}, sizes))
    bare(model, "embedder")
    _name_count(model.graph)
    notes = {"vivant.exporter": exporter(), "vivant.opset": str(OPSET), "vivant.weights": "none"}
    _tools.set_model_props(model, notes)
    return model


def _name_count(graph: onnx.GraphProto) -> None:
    """Call the size that is left open by its name, not by the exporter's number for it."""
    for value in (*graph.input, *graph.output):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = "f"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.embedding",
        description="Write the embedder's graph without weights. Needs the extra [train].",
    )
    parser.add_argument("--file", type=Path, default=GRAPH, help="where to (%(default)s)")
    path: Path = parser.parse_args(arguments).file
    data = serialised(export())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    sys.stdout.write(f"{path}: {len(data):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
