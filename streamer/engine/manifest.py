"""What is written beside an engine file: for what it was built, by what, and how well it did."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from engines.contract import Contract

LARGEST = 64 * 1024
"""Bytes a manifest may have."""
_FORMAT = "vivant.engine/1"


class Misfit(ValueError):  # noqa: N818  (a finding, not an error: the engine is built again)
    """Why an engine file is not to be opened. The sentence follows the name of the file."""


@dataclass(frozen=True, slots=True)
class Key:
    """All that decides whether an engine file can be used. One difference, and it is built anew."""

    onnx: str
    """sha256 of the graph, weights included"""
    library: str
    """`tensorrt` or `tensorrt_rtx`"""
    version: str
    gpu: str
    """name of the GPU, as its driver gives it"""
    capability: str
    """of the GPU, as `8.9`"""
    driver: str
    precision: str
    contract: Contract
    """the shapes"""

    @property
    def stem(self) -> str:
        """Of the file's name: the same for another version or driver, so that it is replaced."""
        place = "\n".join((self.onnx, self.library, self.gpu, self.precision))
        return f"{self.contract.name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"

    def facts(self) -> dict[str, object]:
        """As JSON gives it back."""
        return cast("dict[str, object]", json.loads(json.dumps(asdict(self))))


@dataclass(frozen=True, slots=True)
class Check:
    """Result of the numeric self-test of an engine."""

    mean: float
    """difference from the reference, of 255"""
    worst: float
    against: str
    """what the reference is, as `torch f32`"""
    passed: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """The text beside one engine file."""

    key: dict[str, object]
    sha256: str
    """of the engine file"""
    size: int
    """of the engine file, bytes"""
    seconds: float
    """that the build took"""
    check: Check | None = None
    """None until the engine was tested"""

    def text(self) -> str:
        """As a file."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n"

    def demand(self, key: Key) -> None:
        """Misfit that names the first difference from `key`."""
        for name, wanted in key.facts().items():
            if self.key.get(name) != wanted:
                raise Misfit(f"was built for {name} {_brief(self.key.get(name))}, not this one")

    def demand_bytes(self, engine: bytes) -> None:
        """Misfit when these are not the bytes that were kept."""
        if len(engine) != self.size or hashlib.sha256(engine).hexdigest() != self.sha256:
            raise Misfit("is damaged or not ours")


def describe(key: Key, engine: bytes, seconds: float) -> Manifest:
    """Of an engine just built."""
    return Manifest(key.facts(), hashlib.sha256(engine).hexdigest(), len(engine), seconds)


def read(text: bytes) -> Manifest:
    """From a file. Misfit when it is not one."""
    try:
        data: Any = json.loads(text)
        if data.pop("format") != _FORMAT:
            raise Misfit("has a manifest of another format")
        check = data.pop("check")
        manifest = Manifest(**data, check=None if check is None else Check(**check))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, Misfit):
            raise
        raise Misfit("has a damaged manifest") from None
    if not _is_whole(manifest):
        raise Misfit("has a damaged manifest")
    return manifest


def _is_whole(manifest: Manifest) -> bool:
    kinds = (dict, str, int, (int, float), (Check, type(None)))
    values = (getattr(manifest, field.name) for field in fields(manifest))
    return all(isinstance(value, kind) for value, kind in zip(values, kinds, strict=True))


def _brief(value: object) -> str:
    """A hash by its first figures, shapes by their name."""
    if isinstance(value, dict):
        return "of other shapes"
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text
