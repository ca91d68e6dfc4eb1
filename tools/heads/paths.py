"""The two ways to compute heads, by name."""

from streamer.errors import EngineError
from tools.heads.arrays import Library, NumpyLibrary
from tools.heads.raster import Rasteriser, nearest


def path_of(device: str) -> tuple[Library, Rasteriser]:
    """NumPy and Numba, or torch on a device. EngineError when that cannot be."""
    if device == "numba":
        return NumpyLibrary(), nearest
    try:
        from tools.heads.bulk import TorchLibrary, nearest_torch
    except ModuleNotFoundError as error:
        raise EngineError(
            f"{device}: torch is not installed; install the extra [train] or leave out --device"
        ) from error
    return TorchLibrary.on(device), nearest_torch
