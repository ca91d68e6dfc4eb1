"""The ONNX graph for a contract and weights, kept on disk: exporting it takes seconds and torch.

It is exported by a child process, because the exporter would hold up every other Python thread of
this one while pictures have to be made.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engines
from engines.contract import Contract
from engines.weights import Weights, write_weights
from streamer.engine import cache
from streamer.engine.build import Watch
from streamer.engine.manifest import Misfit
from streamer.errors import EngineError

PRECISION = "fp16"
CHILD = "streamer.engine.exporting"
"""Module that exports."""
_SOURCES = ("contract", "model", "graph", "tracing", "export")
"""Modules of `engines` that decide what the graph is."""
_LOOK_S = 0.05
_LONGEST_S = 300


def graph(contract: Contract, weights: Weights, folder: Path | None, watch: Watch) -> bytes:
    """The ONNX graph, from disk if it was made before by the same code. Blocks for seconds if not.

    EngineError when it cannot be exported; BuildStoppedError when it was asked to stop.
    """
    path = None if folder is None else folder / f"{contract.name}-{_recipe(contract, weights)}.onnx"
    if path is not None:
        try:
            return cache.sealed(path)
        except Misfit:
            pass  # not there, or damaged: it is made again
    watch.progress("exporting the graph", 0.0)
    onnx = exported(contract, weights, watch)
    if path is not None:
        cache.seal(path, onnx)
    return onnx


def exported(contract: Contract, weights: Weights, watch: Watch) -> bytes:
    """The ONNX graph, made by a child process."""
    with tempfile.TemporaryDirectory(prefix="vivant-") as folder:
        weights_path, onnx_path = Path(folder, "weights.safetensors"), Path(folder, "graph.onnx")
        write_weights(weights_path, weights)
        order = json.dumps(contract.facts())
        command = [sys.executable, "-m", CHILD, order]
        command += [str(weights_path), str(onnx_path)]
        environment = os.environ | {"PYTHONPATH": _import_path(), "OMP_NUM_THREADS": "1"}
        with Path(folder, "words.txt").open("wb+") as words:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, env=environment
            )
            try:
                code = _finish(child, watch)
            finally:
                child.kill()
                child.wait()
            words.seek(0)
            said = words.read().decode("utf-8", "replace").strip().splitlines()
        if code != 0 or not onnx_path.is_file():
            reason = said[-1] if said else f"exit code {code}"
            raise EngineError(f"the graph {contract.name} cannot be exported: {reason}")
        return onnx_path.read_bytes()


def _finish(child: subprocess.Popen[bytes], watch: Watch) -> int:
    begun = time.monotonic()
    while True:
        watch.demand_going_on()
        try:
            return child.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() - begun > _LONGEST_S:
                raise EngineError(f"the graph's export took over {_LONGEST_S} s") from None


def _recipe(contract: Contract, weights: Weights) -> str:
    """Of all that decides what is in the file but the version of torch: any that exports does."""
    recipe = hashlib.sha256(json.dumps(contract.facts()).encode())
    recipe.update(f"{PRECISION}\n{weights.digest}\n".encode())
    for name in _SOURCES:
        recipe.update(Path(engines.__file__).with_name(f"{name}.py").read_bytes())
    return recipe.hexdigest()[:16]


def _import_path() -> str:
    """Where this program lies, for a child that may be started in another folder."""
    own = str(Path(engines.__file__).parents[1])
    there = os.environ.get("PYTHONPATH")
    return f"{own}{os.pathsep}{there}" if there else own
