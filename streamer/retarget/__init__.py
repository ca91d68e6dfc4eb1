"""From the driver's landmarks to the portrait's motion."""

import getpass
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from streamer.config import Config, RetargetConfig
from streamer.control import Desk
from streamer.portrait import Portrait
from streamer.retarget.calibration import Calibration
from streamer.retarget.coach import Coach
from streamer.retarget.live import LiveRetargeter, Portraits
from streamer.retarget.retargeter import PortraitRetargeter, retarget_recording
from streamer.retarget.store import CalibrationStore

__all__ = [
    "CalibrationStore",
    "LiveRetargeter",
    "Portraits",
    "driver_name",
    "open_live_retargeter",
    "open_retargeter",
    "retarget_recording",
]


@contextmanager
def open_live_retargeter(
    config: Config,
    desk: Desk,
    portraits: Portraits,
    store: CalibrationStore | None,
    camera: Callable[[], str],
) -> Generator[LiveRetargeter]:
    """The retargeter of a run, steered by `desk`.

    `camera` tells the camera's name, under which calibrations are kept in `store`; it is asked at
    every frame and must not block. Without a store nothing is kept. What is being saved is finished
    when the block is left.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="calibrations") as saver:
        coach = Coach(driver_name(config), store, camera, saver, desk.controls)
        yield LiveRetargeter(config, desk, portraits, coach)


def driver_name(config: Config) -> str:
    """Under whose name calibrations are kept: the one set, or that of the user account."""
    if config.driver is not None:
        return config.driver
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in containers
        return "driver"


@contextmanager
def open_retargeter(
    config: RetargetConfig, portrait: Portrait, calibration: Calibration | None
) -> Generator[PortraitRetargeter]:
    """A retargeter for one portrait; without a calibration it learns the neutral face."""
    yield PortraitRetargeter(config, portrait, calibration)
