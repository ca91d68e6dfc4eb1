"""Processes that make samples beside a training, or before it."""

import multiprocessing
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from streamer.errors import MediaError
from tools.training.cache import Samples

_NICE = 10


class Makers:
    """The processes; none where no pack was named."""

    def __init__(self, processes: list[BaseProcess]) -> None:
        self._processes = processes

    def check(self) -> bool:
        """Whether some are still at work. MediaError when one has failed."""
        if any(process.exitcode for process in self._processes):
            raise MediaError("making samples failed; see above")
        return any(process.is_alive() for process in self._processes)

    def wait(self) -> None:
        """Until all of them are done."""
        for process in self._processes:
            process.join()
        self.check()

    def stop(self) -> None:
        """End them; what they have begun is made anew next time."""
        for process in self._processes:
            process.terminate()
            process.join()


def _work(pack: Path, cache: Path, side: int, rounds: int, share: tuple[int, int]) -> None:
    import cv2

    from tools.training.make import fill

    parent = os.getppid()
    os.nice(_NICE)  # a training that waits for nothing comes first
    cv2.setNumThreads(1)
    with suppress(KeyboardInterrupt):  # of the terminal, to all; the training ends in good order
        fill(pack, cache, side, rounds, share, lambda: os.getppid() == parent)


@contextmanager
def filling(
    pack: Path | None, cache: Path, side: int, rounds: int, workers: int
) -> Generator[Makers]:
    """Processes that make samples of `pack`; stopped when the block is left."""
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = []
    for i in range(workers if pack is not None else 0):
        arguments = (pack, cache, side, rounds, (i, workers))
        processes.append(context.Process(target=_work, args=arguments, daemon=True))
        processes[-1].start()
    makers = Makers(processes)
    try:
        yield makers
    finally:
        makers.stop()


def wait_for_samples(cache: Path, side: int, least: int, makers: Makers) -> None:
    """Until there are so many to train on, and some to check, or nobody makes more."""
    while makers.check():
        with suppress(MediaError):
            held = Samples(cache / "validation", side)
            if len(held) and len(Samples(cache / "train", side)) >= least:
                return
        time.sleep(0.5)
