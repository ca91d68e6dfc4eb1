"""An engine file opened by TensorRT: checked against the contract, with its own memory."""

from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import numpy as np

from engines.contract import Contract, inputs, outputs
from streamer.engine.cuda import Device, GpuFullError
from streamer.engine.library import Foreign, Library
from streamer.errors import EngineError

_KINDS = {"UINT8": np.uint8, "FLOAT": np.float32}


class UnusableError(EngineError):
    """The library does not open this engine file: it is of no use here."""


class Runnable(Protocol):
    """What computes in fixed buffers on a stream: an opened engine file, or torch."""

    def bind(self, addresses: dict[str, int]) -> None:
        """Where the inputs and outputs are, for good."""
        ...

    def enqueue(self, stream: int) -> None:
        """Queue one run. EngineError when it is refused."""
        ...

    def can_be_recorded(self, stream: int) -> bool:
        """Whether its work may be tried to be recorded as a CUDA graph."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """An opened engine, ready to run. The objects of the library live as long as this does."""

    library: Library
    runtime: Foreign
    engine: Foreign
    context: Foreign
    memory: Foreign
    """room that the context computes in"""
    compiled: Foreign
    """what the library compiled for this GPU when it opened the file; None = it keeps no such"""

    def bind(self, addresses: dict[str, int]) -> None:
        """Where the inputs and outputs are, for good."""
        for name, address in addresses.items():
            if not self.context.set_tensor_address(name, address):
                raise EngineError(self._refusal(f"takes no address for {name}"))

    def enqueue(self, stream: int) -> None:
        """Queue one run. EngineError in the library's own words."""
        if not self.context.execute_async_v3(stream):
            raise EngineError(self._refusal("refused to run"))

    def can_be_recorded(self, stream: int) -> bool:
        """Whether the library itself says that its work fits into a CUDA graph."""
        ask = getattr(self.context, "is_stream_capturable", None)
        return True if ask is None else bool(ask(stream))

    def compiled_bytes(self) -> bytes | None:
        """What need not be compiled again next time."""
        return None if self.compiled is None else bytes(self.compiled.serialize())

    def _refusal(self, what: str) -> str:
        return f"{self.library.title} {what}: {self.library.words.take('no reason given')}"


def open_program(
    library: Library, engine: bytes, contract: Contract, device: Device, compiled: bytes | None
) -> Program:
    """Open an engine file. Blocks: TensorRT for RTX compiles its kernels now.

    UnusableError when the library refuses the file, EngineError when it is of another graph,
    GpuFullError when the GPU has no room.
    """
    trt = library.module
    runtime = library.make("Runtime")
    _demand_valid(library, runtime, engine)
    opened = runtime.deserialize_cuda_engine(engine)
    if opened is None:
        raise _failed(library, device, "does not open the engine")
    _demand_contract(opened, contract)
    config, cache = _runtime_config(trt, opened, compiled)
    context = opened.create_execution_context(config)
    if context is None:
        raise _failed(library, device, "cannot run the engine")
    size = int(opened.device_memory_size_v2)
    memory = device.room(size)
    context.set_device_memory(memory.address, size)
    return Program(library, runtime, opened, context, memory, cache)


def refusal(library: Library, engine: bytes) -> str | None:
    """Why this GPU cannot run the file, as the library names it; None = it can, or does not say."""
    runtime = library.make("Runtime")
    return _invalid(library, runtime, engine)


def _demand_valid(library: Library, runtime: Foreign, engine: bytes) -> None:
    reason = _invalid(library, runtime, engine)
    if reason:
        raise UnusableError(f"{library.title} does not open the engine on this GPU: {reason}")


def _invalid(library: Library, runtime: Foreign, engine: bytes) -> str | None:
    if not hasattr(runtime, "get_engine_validity"):
        return None
    trt = library.module
    validity, found = runtime.get_engine_validity(engine[: runtime.engine_header_size])
    if validity != trt.EngineValidity.INVALID:
        return None
    reasons = trt.EngineInvalidityDiagnostics.__members__.items()
    named = [name for name, reason in reasons if int(found) & int(reason.value)]
    return f"{', '.join(named) or found}; {library.words.take('no further words')}"


def _failed(library: Library, device: Device, what: str) -> EngineError:
    words = library.words.take("no reason given")
    line = f"{library.title} {what} on {device.card.title}: {words}"
    if "memory" in words.lower():
        return GpuFullError(line)
    return UnusableError(line)


def _runtime_config(
    trt: ModuleType, engine: Foreign, compiled: bytes | None
) -> tuple[Foreign, Foreign]:
    """That the memory is ours, so that a lack of it is told as such; what is compiled already."""
    config = engine.create_runtime_config()
    strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
    config.set_execution_context_allocation_strategy(strategy)
    if not hasattr(config, "create_runtime_cache"):
        return config, None
    cache = config.create_runtime_cache()
    if compiled is not None:
        cache.deserialize(compiled)  # it looks itself whether that fits, and starts empty if not
    config.set_runtime_cache(cache)
    return config, cache


def _demand_contract(engine: Foreign, contract: Contract) -> None:
    there = {
        name: (tuple(engine.get_tensor_shape(name)), engine.get_tensor_dtype(name).name)
        for name in (engine.get_tensor_name(index) for index in range(engine.num_io_tensors))
    }
    kinds = {kind: name for name, kind in _KINDS.items()}
    wanted = {
        entry.name: (entry.shape, kinds[entry.dtype])
        for entry in (*inputs(contract), *outputs(contract))
    }
    odd = sorted(
        name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name)
    )
    if odd:
        raise UnusableError(f"the engine is not that of {contract.name}: {', '.join(odd)} differ")
