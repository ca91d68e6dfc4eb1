"""How portraits and frames reach OpenVINO's compiled graphs, with as few copies as can be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from engines.contract import Contract, centres, inputs
from streamer.engine.bound import Arrays, BoundPortrait, own
from streamer.engine.protocol import Job, frame_arrays

Feed = Callable[[list[Job]], None]
"""Hands a lot of jobs, as many as the batch, to the graphs."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Compiled graphs that run one after the other, each with some of the inputs."""

    parts: tuple[tuple[ov.InferRequest, frozenset[str]], ...]
    """of each: its request and the names of its inputs"""

    @classmethod
    def of(cls, graphs: Sequence[ov.CompiledModel]) -> "Chain":
        """Requests for the graphs; what one of them puts out, those after it read in place."""
        parts: list[tuple[ov.InferRequest, frozenset[str]]] = []
        tensors: dict[str, ov.Tensor] = {}
        for graph in graphs:
            request = graph.create_infer_request()
            names = frozenset(port.get_any_name() for port in graph.inputs)
            for name in names & tensors.keys():
                request.set_tensor(name, tensors[name])
            tensors |= {p.get_any_name(): request.get_tensor(p) for p in graph.outputs}
            parts.append((request, names))
        return cls(tuple(parts))

    def set(self, name: str, array: NDArray[np.generic]) -> None:
        """Let the graphs that take this input read it in place; keep it until they have run."""
        for request, names in self.parts:
            if name in names:
                request.set_tensor(name, ov.Tensor(array, shared_memory=True))

    def run(self) -> None:
        """Compute. Blocks; other Python threads run meanwhile."""
        for request, _ in self.parts:
            request.infer(share_outputs=True)  # or it would copy them to return them

    def result(self, name: str) -> NDArray[np.generic]:
        """A copy of an output of the last graph."""
        return np.array(self.parts[-1][0].get_tensor(name).data)


def feed(chain: Chain, contract: Contract) -> Feed:
    """What fills the inputs of the chain; those of the contract's shape are filled at once."""
    return _InPlace(chain, contract) if contract.batch == 1 else _InRows(chain, contract)


class _InPlace:
    """Batch 1: the graphs read the caller's own arrays."""

    def __init__(self, chain: Chain, contract: Contract) -> None:
        self._chain, self._contract = chain, contract
        self._shown: BoundPortrait | None = None
        self._read = [_coordinates(chain, contract), {}, {}]
        """What the graphs read, kept alive here: of the shape, the portrait and the frame."""

    def __call__(self, lot: list[Job]) -> None:
        (job,) = lot
        portrait = own(job.bound, self._contract)
        frame = frame_arrays(self._contract, job.frame)
        if portrait is not self._shown:
            self._read[1] = self._set(portrait.arrays)
            self._shown = portrait
        self._read[2] = self._set(frame)

    def _set(self, arrays: Arrays) -> Arrays:
        batched = {name: _writeable(array)[None] for name, array in arrays.items()}
        for name, array in batched.items():
            self._chain.set(name, array)
        return batched


class _InRows:
    """Larger batches: each job is copied to its row, portraits only where they changed."""

    def __init__(self, chain: Chain, contract: Contract) -> None:
        self._contract = contract
        self._rows = _coordinates(chain, contract)
        for entry in inputs(contract):
            if entry.lives != "shape":
                self._rows[entry.name] = rows = np.zeros(entry.shape, entry.dtype)
                chain.set(entry.name, rows)
        self._shown: list[tuple[BoundPortrait, int] | None] = [None] * contract.batch
        """by row: the portrait, and how many patches of it"""

    def __call__(self, lot: list[Job]) -> None:
        for row, job in enumerate(lot):
            portrait = own(job.bound, self._contract)
            frame = frame_arrays(self._contract, job.frame)
            shown = (portrait, portrait.patches)
            if self._shown[row] != shown:
                self._copy(row, portrait.arrays)
                self._shown[row] = shown
            self._copy(row, frame)

    def _copy(self, row: int, arrays: Arrays) -> None:
        for name, array in arrays.items():
            self._rows[name][row] = array


def _coordinates(chain: Chain, contract: Contract) -> Arrays:
    arrays: Arrays = {"across": centres(contract.width), "down": centres(contract.height)}
    for name, array in arrays.items():
        chain.set(name, array)
    return arrays


def _writeable(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """The array, or a copy if it is frozen: OpenVINO reads no such memory in place."""
    return array if array.flags.writeable else array.copy()
