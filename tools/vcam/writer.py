"""The product's sink in a process of its own, as it runs beside call programs."""

import multiprocessing
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

from streamer.config import SinkConfig
from streamer.errors import DeviceError
from streamer.sink.virtualcam import open_virtualcam
from tools.vcam.pictures import Images, card

_FORK = multiprocessing.get_context("fork")
"""The guest is slow: what is imported already is not imported again."""
_PATIENCE_S = 60


@dataclass(slots=True)
class Told:
    """What the writer told."""

    process: BaseProcess
    label: str
    rate: float = 0.0
    """Pictures a second, when it was stopped."""
    send_ms: list[float] = field(default_factory=list[float])
    error: str = ""


@contextmanager
def writing(config: SinkConfig, images: Images, width: int = 0, height: int = 0) -> Generator[Told]:
    """Send a card, then pictures over and over, until the end of the block.

    AssertionError when it cannot be opened. `width` and `height` are those of the pictures where
    they are not the avatar's.
    """
    stop, (ours, theirs) = _FORK.Event(), _FORK.Pipe()
    size = (width or images.shape[2], height or images.shape[1])
    process = _FORK.Process(target=_write, args=(config, images, size, stop, theirs), daemon=True)
    process.start()
    told = Told(process, _next(ours))
    try:
        yield told
    finally:
        stop.set()
        if process.is_alive() or ours.poll():
            told.rate, told.send_ms, told.error = _last(ours)
        process.join(_PATIENCE_S)


def try_to_open(config: SinkConfig, user: int = 0) -> str:
    """What a further instance says, in a process of its own, as another user if need be."""
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_try, args=(config, user, theirs), daemon=True)
    process.start()
    said = _next(ours)
    process.join(_PATIENCE_S)
    return said


def _write(
    config: SinkConfig, images: Images, size: tuple[int, int], stop: Event, told: Connection
) -> None:
    first = card(*size)
    sent, send_ms, error = 0, list[float](), ""
    begun = time.monotonic()
    try:
        with open_virtualcam(config, *size, first) as sink:
            told.send(sink.label)
            begun = time.monotonic()
            while not stop.is_set():
                image = images[sent % len(images)] if sink_takes(images, size) else first
                before = time.monotonic()
                sink.send(image)
                send_ms.append((time.monotonic() - before) * 1000)
                sent += 1
                time.sleep(max(0.0, begun + sent / config.fps - time.monotonic()))
    except DeviceError as failure:
        error = str(failure)
        if not sent:
            told.send(error)
    told.send((sent / (time.monotonic() - begun), send_ms, error))


def sink_takes(images: Images, size: tuple[int, int]) -> bool:
    """Whether the pictures have the size of the sink."""
    return (images.shape[2], images.shape[1]) == size


def _try(config: SinkConfig, user: int, told: Connection) -> None:
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    try:
        with open_virtualcam(config, 64, 64, card(64, 64)) as sink:
            told.send(f"opened {sink.label}")
    except DeviceError as error:
        told.send(str(error))


def _next(ours: Connection) -> str:
    if not ours.poll(_PATIENCE_S):
        raise AssertionError("the writer says nothing")
    return str(ours.recv())


def _last(ours: Connection) -> tuple[float, list[float], str]:
    if not ours.poll(_PATIENCE_S):
        raise AssertionError("the writer does not end")
    return ours.recv()
