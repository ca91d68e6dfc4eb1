"""Which TensorRT is installed, and what it says. It is imported when it is asked for, not before.

`tensorrt` and `tensorrt_rtx` share one interface; the few names that only one of them has are
looked up here. TensorRT for RTX compiles its kernels when an engine is opened, and knows certain
GPUs only; `tensorrt` builds for the GPU at hand.
"""

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from streamer.errors import EngineError

Foreign = Any
"""An object of a library that tells no types."""

MODULES = ("tensorrt", "tensorrt_rtx")
"""In the order they are tried."""
_MISSING = "TensorRT is not installed; run: python -m pip install '.[gpu]'"


@dataclass(frozen=True, slots=True)
class Library:
    """One of the two."""

    module: ModuleType
    name: str
    version: str
    words: "Words"
    """what it said"""
    logger: Foreign

    @property
    def title(self) -> str:
        """As `tensorrt_rtx 1.7.1.116`."""
        return f"{self.name} {self.version}"

    def make(self, kind: str) -> Foreign:
        """Its `Builder` or `Runtime`. EngineError in its own words, as with too old a driver."""
        try:
            return getattr(self.module, kind)(self.logger)
        except TypeError as error:  # which is how its binding tells that there is none
            reason = self.words.take(str(error))
            raise EngineError(f"{self.title} does not start: {reason}") from error

    def knows(self, capability: str) -> bool:
        """Whether it names this compute capability among those it builds for, or names none."""
        known = getattr(self.module, "ComputeCapability", None)
        return known is None or hasattr(known, f"SM{capability.replace('.', '')}")


@dataclass(slots=True)
class Words:
    """The last complaints of a library: it returns nothing and logs the reason."""

    _said: list[str] = field(default_factory=list[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, text: str) -> None:
        """Called from any thread."""
        with self._lock:
            self._said = [*self._said[-7:], " ".join(text.split())]

    def take(self, otherwise: str) -> str:
        """The reason of what just failed: the last complaint but those that only follow it."""
        with self._lock:
            said, self._said = self._said, []
        telling = [text for text in said if "catchCudaError" not in text]
        return (telling or said or [otherwise])[-1][:400]


def libraries(find: Callable[[str], ModuleType] = importlib.import_module) -> tuple[Library, ...]:
    """Those that can be imported. EngineError when none can."""
    found: list[Library] = []
    refused: list[str] = []
    for name in MODULES:
        try:
            module = find(name)
            found.append(_opened(module, name))
        except ModuleNotFoundError:
            continue
        except (ImportError, OSError, AttributeError, RuntimeError) as error:
            refused.append(f"{name} cannot be loaded: {str(error).splitlines()[0]}")
    if not found:
        raise EngineError("; ".join(refused) or _MISSING)
    return tuple(found)


def _opened(module: ModuleType, name: str) -> Library:
    words = Words()
    return Library(module, name, str(module.__version__), words, _logger(module, words))


def _logger(module: ModuleType, words: Words) -> Foreign:
    """What the library hands its complaints to. The class is its own, so it is made here."""

    class Listener(module.ILogger):
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: object, msg: str) -> None:
            if severity in {module.ILogger.INTERNAL_ERROR, module.ILogger.ERROR}:
                words.add(msg)

    return Listener()
