"""A portrait bound to an engine that computes in the processor's own memory."""

import numpy as np
from numpy.typing import NDArray

from engines.contract import Bytes, Contract, Still
from streamer.engine.protocol import Bound, check_patch, still_arrays
from streamer.errors import EngineError

Arrays = dict[str, NDArray[np.generic]]
"""by the graph's input"""


class BoundPortrait:
    """A portrait's own copy, which the engine reads in place, or copies when it batches."""

    def __init__(self, contract: Contract, still: Still) -> None:
        self._contract = contract
        self.arrays: Arrays = {k: v.copy() for k, v in still_arrays(contract, still).items()}
        """without the batch; empty once closed"""
        self.patches = 0
        """how many there have been"""

    def patch(self, rows: slice, columns: slice, pixels: Bytes) -> None:
        """Replace a part of the texture by (rows, columns, 4) pixels; form `source` only."""
        check_patch(self._contract, rows, columns, pixels)
        if self.arrays:
            self.arrays["texture"][rows, columns] = pixels
            self.patches += 1

    def close(self) -> None:
        """Free what it holds."""
        self.arrays = {}


def own(bound: Bound, contract: Contract) -> BoundPortrait:
    """The same, if it is one of these and open; EngineError otherwise."""
    if isinstance(bound, BoundPortrait) and bound.arrays:
        return bound
    raise EngineError(
        f"engine {contract.name}: the portrait is closed or bound to another engine; bind it again"
    )
