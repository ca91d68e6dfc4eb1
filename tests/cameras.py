"""Webcams without a webcam: devices by name, and lavfi or a file in the driver's place."""

import errno
import threading
import time
from collections import deque
from pathlib import Path

import av
import numpy as np

from streamer.camera.devices import CameraDevice
from streamer.camera.feed import Asked
from streamer.camera.webcam import Patience, Webcam
from tests.fakes import MS


def device(name="HD Webcam C920", number=0, **kwargs):
    path = Path(f"/dev/video{number}")
    return CameraDevice(
        name=name, address=str(path), system="v4l2", number=number, path=path, **kwargs
    )


def refusing(code):
    """An opener that fails as a driver does."""

    def opener(address, system, options):
        av.error.err_check(-code)

    return opener


def pattern(size="64x48", rate=100):
    """An opener of moving pictures at a true pace, whatever the address."""

    def opener(address, system, options):
        return av.open(f"testsrc2=size={size}:rate={rate},realtime", format="lavfi")

    return opener


class Driver:
    """A file's packets as a driver gives them: those of `script`, one by one; None: none yet."""

    def __init__(self, path, script):
        self._container = av.open(str(path))
        self._packets = self._container.demux(video=0)
        self._script = iter(script)
        self.streams = self._container.streams
        self.closed = 0

    def demux(self, *_):
        for has_image in self._script:
            if not has_image:
                av.error.err_check(-errno.EAGAIN)
            yield next(self._packets)
        av.error.err_check(-errno.ENODEV)

    def close(self):
        self.closed += 1
        self._packets.close()
        self._container.close()


def until(condition):
    """Wait for what another thread does."""
    for _ in range(30_000):
        value = condition()
        if value is not None and value is not False:
            return value
        time.sleep(0.001)
    raise AssertionError("it never came")


C920 = device("C920", 0)
MOVED = device("C920", 1)

QUICK = Patience(
    first=30,
    quiet=20 * MS / 1e9,
    idle=5 * MS / 1e9,
    old=3600,
    dead=3600,
    back=MS / 1e9,
    back_most=4 * MS / 1e9,
    let_go=30,
)


def picture(value):
    return np.full((8, 8, 3), value, np.uint8)


class FakeFeed:
    """Gives what it was given, an image or an error; then none, or an error for ever."""

    def __init__(self, *given, then=None, label="C920, 8 x 8 MJPEG"):
        self.label = label
        self.given = deque(given)
        self.then = then
        self.closed = 0
        self.threads = set()

    def take(self, longest_s):
        self.threads.add(threading.current_thread().name)
        if not self.given:
            if self.then is not None:
                raise self.then
            time.sleep(MS / 1e9)
            return None
        given = self.given.popleft()
        if isinstance(given, Exception):
            raise given
        return given

    def close(self):
        self.threads.add(threading.current_thread().name)
        self.closed += 1


class Bench:
    """A webcam on fake feeds, connected one after the other; the last one again and again."""

    def __init__(self, *feeds, patience=QUICK, clock=None, places=(MOVED,)):
        self.feeds = deque(feeds)
        self.places = deque(places)
        self.connected = []
        self.drops = []
        more = {} if clock is None else {"clock": clock}
        self.webcam = Webcam(
            C920,
            Asked(8, 8, 30),
            connect=self.connect,
            relocate=self.relocate,
            on_drop=self.drops.append,
            patience=patience,
            **more,
        )

    def connect(self, where):
        self.connected.append(where)
        feed = self.feeds.popleft() if len(self.feeds) > 1 else self.feeds[0]
        if isinstance(feed, Exception):
            raise feed
        return feed

    def relocate(self, lost):
        return self.places.popleft() if len(self.places) > 1 else self.places[0]


class Paced(FakeFeed):
    """Images of a camera with its own clock, each so much later than the last."""

    def __init__(self, clock, images, every_ms):
        super().__init__(*images)
        self.clock = clock
        self.every_ms = every_ms

    def take(self, longest_s):
        if self.given:
            self.clock.advance(self.every_ms)
        return super().take(longest_s)
