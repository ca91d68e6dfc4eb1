"""The NVIDIA GPUs of this machine, and which one is meant: through torch, which brings CUDA."""

import ctypes
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from streamer.errors import EngineError

_NVML = "nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1"


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU."""

    index: int
    name: str
    """as its driver gives it, as `NVIDIA GeForce RTX 4090`"""
    capability: str
    """as `8.9`"""
    driver: str
    """version, as `580.95.05`"""
    memory: int
    """bytes, all of it"""

    @property
    def device(self) -> str:
        """As torch calls it."""
        return f"cuda:{self.index}"

    @property
    def title(self) -> str:
        """For a person."""
        return f"{self.device} ({self.name})"


def cards() -> tuple[Card, ...]:
    """Those that can be used. EngineError says why there are none and what to do."""
    driver = driver_version()
    if driver is None:  # told before torch is loaded, which takes a second
        raise EngineError("no NVIDIA driver answers; use another engine: generator.engine=auto")
    torch = _torch()
    found: list[Card] = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        capability = f"{facts.major}.{facts.minor}"
        found.append(Card(index, facts.name, capability, driver, facts.total_memory))
    if not found:
        raise EngineError("no NVIDIA GPU is there; use another engine: generator.engine=auto")
    return tuple(found)


def choose(found: Sequence[Card], device: str | None) -> Card:
    """The GPU called `cuda:1`, `1` or a part of its name; None = the first.

    EngineError lists them when none or more than one is called so.
    """
    if device is None or device.lower() in {"cuda", "gpu"}:
        return found[0]
    wanted = device.lower()
    if wanted.removeprefix("cuda:").isdecimal():
        fitting = [card for card in found if card.index == int(wanted.removeprefix("cuda:"))]
    else:
        fitting = [card for card in found if wanted in card.name.lower()]
    if len(fitting) == 1:
        return fitting[0]
    titles = ", ".join(card.title for card in found)
    several = "more than one GPU is called so" if fitting else "there is no such GPU"
    raise EngineError(f"generator.device {device}: {several}; there are {titles}")


def driver_version() -> str | None:
    """Of the NVIDIA driver, as `580.95.05`; None when there is none to ask."""
    try:
        nvml = ctypes.CDLL(_NVML)
        text = ctypes.create_string_buffer(96)
        if nvml.nvmlInit_v2() != 0:
            return None
        try:
            known = nvml.nvmlSystemGetDriverVersion(text, len(text)) == 0
        finally:
            nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return None
    return text.value.decode("ascii", "replace") if known else None


def _torch() -> ModuleType:
    """Torch with CUDA at work. EngineError in torch's own words, with what is needed."""
    try:
        import torch  # noqa: PLC0415  (heavy, and an extra)
    except ImportError as error:
        raise EngineError(
            f"torch cannot be loaded ({error}); run: python -m pip install '.[gpu]'"
        ) from error
    needed = torch.version.cuda
    if needed is None:
        raise EngineError(
            f"torch {torch.__version__} is built without CUDA; install its CUDA build "
            "(pytorch.org, Get started), or use another engine: generator.engine=auto"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says the same
            torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        raise EngineError(_refusal(str(error), needed)) from error
    return torch


def _refusal(words: str, needed: str) -> str:
    first = words.strip().splitlines()[0].rstrip(".") if words.strip() else "CUDA does not start"
    installed = driver_version()
    have = f"; installed is driver {installed}" if installed else ""
    return f"{first}{have}; needed is an NVIDIA driver for CUDA {needed} or newer"
