"""The child that exports a graph: python -m streamer.engine.exporting CONTRACT WEIGHTS ONNX."""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from engines.contract import Contract
from engines.weights import read_weights
from streamer.engine.graphfile import PRECISION


def main(order: str, weights: Path, onnx: Path) -> None:
    """Write the graph of the contract, given as JSON, with the weights of that file."""
    from engines.export import export, serialised  # noqa: PLC0415  (brings torch)

    if hasattr(os, "nice"):
        os.nice(10)  # pictures are made meanwhile
    facts: dict[str, Any] = json.loads(order)
    if facts["texture"] is not None:
        facts["texture"] = tuple(facts["texture"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = export(Contract(**facts), read_weights(weights), PRECISION)
    onnx.write_bytes(serialised(graph))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
