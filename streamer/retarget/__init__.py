"""From the driver's landmarks to the portrait's motion."""

from collections.abc import Generator
from contextlib import contextmanager

from streamer.config import RetargetConfig
from streamer.portrait import Portrait
from streamer.retarget.calibration import Calibration
from streamer.retarget.retargeter import PortraitRetargeter, retarget_recording

__all__ = ["open_retargeter", "retarget_recording"]


@contextmanager
def open_retargeter(
    config: RetargetConfig, portrait: Portrait, calibration: Calibration | None
) -> Generator[PortraitRetargeter]:
    """A retargeter for one portrait; without a calibration it learns the neutral face."""
    yield PortraitRetargeter(config, portrait, calibration)
