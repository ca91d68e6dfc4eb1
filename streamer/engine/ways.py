"""Every way in which this computer could compute the refiner's graph, and what stands in the way.

Nothing is compiled here. A library that is not installed is named with what installs it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from engines.contract import Contract, Size
from engines.weights import Weights
from streamer.engine.build import Watch
from streamer.engine.protocol import Backend, Engine, Precision
from streamer.errors import EngineError

BACKENDS: tuple[Backend, ...] = ("openvino", "tensorrt", "torch")
_ON_CUDA: tuple[tuple[Precision, bool], ...] = (("fp16", True), ("fp16", False), ("f32", True))
"""How torch runs on a GPU: precision, and whether as a CUDA graph."""
_NO_TORCH = "torch is not installed; run: python -m pip install '.[train]'"


@dataclass(frozen=True, slots=True)
class Way:
    """A library on a device, in one precision."""

    backend: Backend
    device: str
    """as the library calls it; empty where it could not be asked"""
    precision: Precision
    library: str
    """name and version; empty when it is not installed"""
    hardware: str = ""
    """the device for a person"""
    graph: bool = False
    """whether it runs as a recorded CUDA graph"""
    refused: str = ""
    """why it cannot be used here, and what to do; empty when it can"""

    @property
    def name(self) -> str:
        """For a person to choose it by, as `openvino/CPU/bf16`."""
        parts = (self.backend, self.device, self.precision, "graph" if self.graph else "")
        return "/".join(part for part in parts if part)

    @property
    def is_gpu(self) -> bool:
        """Whether frames go to an NVIDIA GPU: the graph then draws the picture, too."""
        return self.device.startswith("cuda")

    @property
    def keeps(self) -> bool:
        """Whether what it compiles stays on disk; the others compile in a second at each start."""
        return self.backend == "tensorrt" or (self.backend == "openvino" and self.device != "CPU")

    def contract(self, size: Size, side: int, shape: tuple[int, int], batch: int) -> Contract:
        """The graph it would run for pictures of `shape` (height, width)."""
        if self.is_gpu:
            return Contract(size, side, *shape, batch, "source", shape)
        return Contract(size, side, *shape, batch)


def all_ways() -> list[Way]:
    """Those of every library, whether it is here or not. Asks drivers; that can take seconds."""
    finders: tuple[Callable[[], Iterator[Way]], ...] = (_openvino, _tensorrt, _torch)
    return [way for finder in finders for way in finder()]


def chosen(ways: Sequence[Way], names: Sequence[str]) -> list[Way]:
    """Those that are named, by their whole name or its beginning; all that can run for `all`.

    EngineError when a name means none, or one that cannot be used.
    """
    if not names or "all" in names:
        return [way for way in ways if not way.refused]
    found: list[Way] = []
    for name in names:
        meant = [way for way in ways if _is_called(way, name)]
        if not meant:
            known = ", ".join(way.name for way in ways)
            raise EngineError(f"engine {name}: there is none of this name; there are {known}")
        usable = [way for way in meant if not way.refused]
        if not usable:
            raise EngineError(f"engine {name}: {meant[0].refused}")
        found += [way for way in usable if way not in found]
    return found


def _is_called(way: Way, name: str) -> bool:
    return f"{way.name}/".lower().startswith(f"{name.strip('/')}/".lower())


def open_way(way: Way, contract: Contract, weights: Weights, watch: Watch | None = None) -> Engine:
    """Compile or load the engine. Blocks, for minutes with TensorRT. EngineError says why not."""
    match way.backend:
        case "openvino":
            from streamer.engine.openvino import OpenVinoEngine  # noqa: PLC0415

            return OpenVinoEngine(contract, weights, way.device, precision=way.precision)
        case "tensorrt":
            from streamer.engine.cache import default_folder  # noqa: PLC0415
            from streamer.engine.tensorrt import open_tensorrt  # noqa: PLC0415

            folder = default_folder()
            return open_tensorrt(contract, weights, way.device, folder=folder, watch=watch)
        case "torch":
            from streamer.engine.eager import TorchEngine  # noqa: PLC0415

            return TorchEngine(
                contract, weights, way.device, graph=way.graph, precision=way.precision
            )


def _openvino() -> Iterator[Way]:
    installed = _installed("openvino")
    try:
        from streamer.engine import openvino  # noqa: PLC0415  (half a second)

        devices = openvino.devices()
    except (ImportError, OSError, RuntimeError) as error:
        fix = "run: python -m pip install --force-reinstall openvino"
        yield Way("openvino", "", "f32", installed, refused=f"{_first(error)}; {fix}")
        return
    for device in devices:
        best, hardware = openvino.best_precision(device), _hardware(device)
        yield Way("openvino", device, best, installed, hardware)
        if device == "CPU" and best != "f32":
            yield Way("openvino", device, "f32", installed, hardware)


def _hardware(device: str) -> str:
    """What the device is called by its maker."""
    import openvino  # noqa: PLC0415  (half a second)

    return " ".join(str(openvino.Core().get_property(device, "FULL_DEVICE_NAME")).split())


def _tensorrt() -> Iterator[Way]:
    from streamer.engine.cards import cards  # noqa: PLC0415
    from streamer.engine.library import libraries  # noqa: PLC0415

    names: list[str] = []
    try:
        names = [library.title for library in libraries()]
        for card in cards():
            yield Way("tensorrt", card.device, "fp16", names[0], card.name)
    except EngineError as error:
        yield Way("tensorrt", "", "fp16", ", ".join(names), refused=str(error))


def _torch() -> Iterator[Way]:
    from streamer.engine.cards import cards  # noqa: PLC0415

    installed = _installed("torch")
    if not installed:
        yield Way("torch", "", "f32", "", refused=_NO_TORCH)
        return
    yield Way("torch", "cpu", "f32", installed)
    try:
        for card in cards():
            for precision, graph in _ON_CUDA:
                yield Way("torch", card.device, precision, installed, card.name, graph)
    except EngineError as error:
        yield Way("torch", "cuda", "fp16", installed, refused=str(error))


def tensorrt_versions() -> dict[str, str]:
    """Of those that are here, by name."""
    from streamer.engine.library import libraries  # noqa: PLC0415

    try:
        return {library.name: library.version for library in libraries()}
    except EngineError:
        return {}


def _installed(name: str) -> str:
    """Name and version of a package; empty when it is not here."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
