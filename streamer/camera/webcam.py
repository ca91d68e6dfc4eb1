"""A webcam in use: its newest image, whatever becomes of the device meanwhile."""

import errno
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import Self

from streamer.camera.devices import CameraDevice
from streamer.camera.feed import Asked, Feed
from streamer.camera.trouble import explain
from streamer.camera.watch import PictureWatch
from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.errors import DeviceError
from streamer.frame import Image

_RATE_OVER = 30
"""Intervals between images over which the frame rate is measured."""
_SLOW = 0.6
"""Below this share of the asked rate a camera is called slow."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what, in seconds."""

    first: float = 8.0
    """For the first image; longer than the opening of a device may take."""
    quiet: float = 0.9
    """Without an image until nobody is seen; the longest that `read` blocks."""
    idle: float = 0.033
    """From one None of `read` to the next, so that whoever idles does so evenly."""
    old: float = 0.5
    """In which an image that nobody took becomes too old to be shown."""
    dead: float = 5.0
    """Without an image until the device is opened anew."""
    back: float = 0.25
    """Before the first attempt to open a lost device; doubled each time."""
    back_most: float = 4.0
    let_go: float = 0.5
    """For the reader to end; then a driver hangs, and its thread is left behind."""


Connect = Callable[[CameraDevice], Feed]
Relocate = Callable[[CameraDevice], CameraDevice | None]


class Webcam:
    """Reads a camera on a thread of its own, which alone opens, reads and closes the device.

    `with` waits for the first image: DeviceError when there is none. From then on a lost camera
    is waited for. `connect` opens a device, `relocate` says where a lost one is now, or None.
    """

    def __init__(
        self,
        device: CameraDevice,
        asked: Asked,
        connect: Connect,
        relocate: Relocate,
        on_drop: Callable[[str], None],
        *,
        clock: Clock = monotonic_ns,
        patience: Patience | None = None,
    ) -> None:
        self._device = device
        self._asked = asked
        self._connect = connect
        self._relocate = relocate
        self._on_drop = on_drop
        self._clock = clock
        self._patience = patience or Patience()
        self._watch = PictureWatch()
        self._thread = threading.Thread(target=self._work, name="webcam", daemon=True)
        self._stopping = threading.Event()
        self._news = threading.Condition()  # guards all below
        self._label = str(device)
        self._newest: tuple[Image, int] | None = None
        self._came_ns: deque[int] = deque(maxlen=_RATE_OVER + 1)
        self._seen = False
        self._away = ""
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait_for_first()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The device's own, wherever it is plugged in."""
        return self._device.name

    @property
    def label(self) -> str:
        """The camera, its size and format, and what was asked."""
        return self._label

    @property
    def state(self) -> str:
        """What is wrong with it just now, for a person; empty when nothing is."""
        with self._news:
            away, quiet_ns = self._away, self._quiet_ns()
        if away:
            return f"away: {away}; waiting for it"
        if quiet_ns > self._patience.quiet * SECOND:
            return f"{self._device.name} gives no picture; unplug it and plug it in again"
        return self._watch.state or self._slowness()

    @property
    def fps(self) -> float:
        """Images a second, measured over the last 30; 0 before there are some."""
        with self._news:
            came_ns = list(self._came_ns)
            quiet_ns = self._quiet_ns()
        if len(came_ns) < 2:
            return 0.0
        intervals = len(came_ns) - 1
        return intervals * SECOND / max(came_ns[-1] - came_ns[0], intervals * quiet_ns, 1)

    def read(self) -> Image | None:
        """The newest image; None when none comes: it is away, or stalls. Blocks 0.9 s at most.

        Raises what the reader failed of; a lost device is not a failure.
        """
        until = monotonic() + self._patience.quiet
        with self._news:
            while True:
                self._news.wait_for(self._something, min(until - monotonic(), self._wait_s()))
                if self._failure is not None:
                    raise self._failure
                newest, self._newest = self._newest, None
                if newest is None:
                    return None
                image, at_ns = newest
                if self._clock() - at_ns <= self._patience.old * SECOND:
                    return image
                self._on_drop("camera: stale")

    def close(self) -> None:
        """Give the device back. Blocks 0.5 s at most, even when its driver hangs."""
        self._stopping.set()
        self._thread.join(self._patience.let_go)
        if self._thread.is_alive():
            _log.warning("camera %s: its driver does not answer; left behind", self._device)

    def _wait_for_first(self) -> None:
        with self._news:
            self._news.wait_for(lambda: self._seen or self._failure, self._patience.first)
            if not self._seen:
                raise self._failure or DeviceError(explain(TimeoutError(), self._device))

    def _something(self) -> bool:
        return self._newest is not None or self._failure is not None

    def _wait_s(self) -> float:
        """How long an image may still be expected before nobody is seen."""
        left_s = self._patience.quiet - self._quiet_ns() / SECOND
        return self._patience.idle if self._away else max(left_s, self._patience.idle)

    def _quiet_ns(self) -> int:
        return self._clock() - self._came_ns[-1] if self._came_ns else 0

    def _slowness(self) -> str:
        fps = self.fps
        if len(self._came_ns) <= _RATE_OVER or fps >= _SLOW * self._asked.fps:
            return ""
        return (
            f"gives {fps:.0f} fps of {self._asked.fps}: more light helps, or a smaller camera.size"
        )

    # What follows runs on the reader's thread.

    def _work(self) -> None:
        try:
            self._use_until_stopped()
        except Exception as error:  # noqa: BLE001  (`read` raises it)
            with self._news:
                self._failure = error
                self._news.notify_all()

    def _use_until_stopped(self) -> None:
        pauses = self._pauses()
        while not self._stopping.is_set():
            try:
                with closing(self._open()) as feed:
                    self._pump(feed)
            except OSError as error:
                why = explain(error, self._device)
                if not self._seen:
                    raise DeviceError(why) from error
                pauses = pauses if self._away else self._pauses()
                self._lost(why)
                self._stopping.wait(next(pauses))

    def _open(self) -> Feed:
        """The camera, or where it was plugged in again. OSError."""
        if self._away:
            found = self._relocate(self._device)
            if found is None:
                raise OSError(errno.ENODEV, "not there")
            self._device = found
        return self._connect(self._device)

    def _pump(self, feed: Feed) -> None:
        """Take image after image. OSError when the camera is lost."""
        heard_ns = self._clock()
        while not self._stopping.is_set():
            image = feed.take(self._patience.idle)
            now_ns = self._clock()
            if image is not None:
                self._watch.look(image, now_ns)
                self._offer(feed, image, now_ns)
                heard_ns = now_ns
            elif now_ns - heard_ns > self._patience.dead * SECOND:
                raise TimeoutError

    def _offer(self, feed: Feed, image: Image, now_ns: int) -> None:
        with self._news:
            overwritten = self._newest is not None
            self._newest = image, now_ns
            if self._quiet_ns() > self._patience.quiet * SECOND:
                self._came_ns.clear()  # a pause is not a rate
            self._came_ns.append(now_ns)
            came_back, self._away = self._away, ""
            self._seen, self._label = True, feed.label
            self._news.notify_all()
        if overwritten:
            self._on_drop("camera: newer")
        if came_back:
            _log.info("camera %s is back", self._device)

    def _lost(self, why: str) -> None:
        """Nothing of before is shown or measured any more."""
        if not self._away:
            _log.warning("camera lost: %s", why)
        self._watch = PictureWatch()
        with self._news:
            self._away = why
            self._newest = None
            self._came_ns.clear()

    def _pauses(self) -> Iterator[float]:
        pause = self._patience.back
        while True:
            yield pause
            pause = min(2 * pause, self._patience.back_most)
