"""What every engine is to the generator, whatever library computes it (no library here)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engines.contract import Bytes, Contract, Entry, Frame, Refined, Still, fits, inputs
from streamer.errors import EngineError

Backend = Literal["openvino", "tensorrt", "torch"]
Precision = Literal["f32", "bf16", "fp16"]
"""What the convolutions are computed in. Grids, sampling and the last steps are f32 in each."""
TITLES: dict[Backend, str] = {"openvino": "OpenVINO", "tensorrt": "TensorRT", "torch": "torch"}


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine is, for the start-up table, the log and the metrics."""

    backend: Backend
    device: str
    """as the library calls it: CPU, GPU.0, cpu, cuda:1"""
    precision: Precision
    library: str
    """name and version, as `openvino 2026.4.1`"""
    contract: Contract
    digest: str
    """of the weights"""
    form: str = ""
    """how it is run, where there is a choice, as `CUDA graph`"""
    notes: tuple[str, ...] = ()
    """what a person should be told, a sentence each, as that nothing can be kept on disk"""
    ms: float | None = field(default=None, compare=False)
    """time of a picture when nothing disturbs, measured at start: a run's by the batch; None = not
    yet"""

    @property
    def line(self) -> str:
        """For a person, as `refiner XS @256 by OpenVINO bf16 on CPU, 12.3 ms a picture`."""
        contract = self.contract
        words = [f"refiner {contract.size.upper()} @{contract.side} by {TITLES[self.backend]}"]
        words += [self.precision, *([self.form] if self.form else []), f"on {self.device}"]
        line = " ".join(words)
        if self.ms is None:
            return line
        many = f" ({contract.batch} at once)" if contract.batch > 1 else ""
        return f"{line}, {self.ms:.1f} ms a picture{many}"


class Bound(Protocol):
    """A portrait on the device. The engine keeps nothing of it once it is closed."""

    def patch(self, rows: slice, columns: slice, pixels: Bytes) -> None:
        """Replace a part of the texture by (rows, columns, 4) pixels; form `source` only.

        The next `run` shows it. Called from the thread that runs.
        """
        ...

    def close(self) -> None:
        """Free what it holds. It may be called twice, and after the engine was closed."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to make."""

    bound: Bound
    """of the same engine"""
    frame: Frame


class Engine(Protocol):
    """A compiled graph. One thread at a time runs it; portraits may be bound by another."""

    @property
    def facts(self) -> EngineFacts:
        """What it is."""
        ...

    def bind(self, still: Still) -> Bound:
        """Bring a portrait to the device. Its arrays are copied. EngineError if they do not fit."""
        ...

    def run(self, jobs: Sequence[Job]) -> list[Refined]:
        """The pictures of the jobs, in order; the arrays are the caller's. Blocks.

        Any number of jobs: they run in lots of the contract's batch, the last lot padded.
        EngineError when the device is lost or an array does not fit; the engine is of no more use
        then and only to be closed.
        """
        ...

    def close(self) -> None:
        """Free the device. It may be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Closing:
    """Closed when the `with` block that it opens is left."""

    def close(self) -> None:
        """Free what it holds. It may be called twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@lru_cache(maxsize=64)
def of_frame(contract: Contract) -> tuple[Entry, ...]:
    """The inputs that each picture brings."""
    return tuple(entry for entry in inputs(contract) if entry.lives == "frame")


@lru_cache(maxsize=64)
def of_still(contract: Contract) -> tuple[Entry, ...]:
    """The inputs that a portrait brings once."""
    return tuple(entry for entry in inputs(contract) if entry.lives == "portrait")


def frame_arrays(contract: Contract, frame: Frame) -> dict[str, NDArray[np.generic]]:
    """By input, without the batch, C-contiguous. EngineError names what does not fit."""
    return {entry.name: _fitting(contract, entry, frame) for entry in of_frame(contract)}


def still_arrays(contract: Contract, still: Still) -> dict[str, NDArray[np.generic]]:
    """By input, without the batch, C-contiguous. EngineError names what does not fit."""
    return {entry.name: _fitting(contract, entry, still) for entry in of_still(contract)}


def lots(jobs: Sequence[Job], batch: int) -> Iterator[tuple[list[Job], int]]:
    """The jobs in lots of `batch`, the last one padded with its last job; how many are real."""
    for start in range(0, len(jobs), batch):
        lot = list(jobs[start : start + batch])
        yield lot + lot[-1:] * (batch - len(lot)), len(lot)


def check_patch(contract: Contract, rows: slice, columns: slice, pixels: Bytes) -> None:
    """EngineError when `pixels` are not (rows, columns, 4) uint8 inside the texture."""
    if contract.texture is None:
        raise EngineError(f"engine {contract.name}: it has no texture to patch")
    height, width = (
        len(range(*part.indices(side)))
        for part, side in zip((rows, columns), contract.texture, strict=True)
    )
    if pixels.shape != (height, width, 4) or pixels.dtype != np.uint8:
        raise EngineError(
            f"engine {contract.name}: the patch is {_shape(pixels)}, "
            f"and its place is ({height}, {width}, 4) uint8"
        )


def _fitting(contract: Contract, entry: Entry, source: Frame | Still) -> NDArray[np.generic]:
    value: NDArray[np.generic] | None = getattr(source, entry.name)
    if value is None:
        raise EngineError(f"engine {contract.name}: {entry.name} is missing")
    if not fits(entry, value):
        wanted = f"{entry.shape[1:]} {np.dtype(entry.dtype)}"
        raise EngineError(
            f"engine {contract.name}: {entry.name} is {_shape(value)}, and the graph takes {wanted}"
        )
    return np.ascontiguousarray(value)


def _shape(value: NDArray[np.generic]) -> str:
    return f"{value.shape} {value.dtype}"
