"""Stages with knobs: each tells what it saw, and first calls `before(seq)`, which may do anything.

The frame's number travels inside the values: at the sink one can tell what became of which frame.
"""

import os
import threading
import time
from collections.abc import Callable

import numpy as np

from streamer.clock import MS as _MS
from streamer.clock import Budget
from streamer.errors import EndOfStream
from streamer.frame import Image, Landmarks, Motion

MS = _MS * int(os.environ.get("VIVANT_SLOW", "1"))
"""The unit of time in tests, in ns; VIVANT_SLOW=5 stretches it on a slow machine."""

DRIVER = 200
"""Every pixel of the camera's images, except the first two, which hold the frame's number."""
PAINT = 100
"""Every pixel of the generator's pictures, except those two."""

ROOMY = Budget(3600_000 * MS, {"track": 0, "retarget": 0, "generate": 0, "sink": 0})
"""No frame is late, whatever else the machine does."""

Knob = Callable[[int], object]


def nothing(_: int) -> None:
    """The knob at rest."""


def sleeping(ms: float) -> Knob:
    """Take some time."""
    return lambda _: time.sleep(ms * MS / 1e9)


def failing_at(number: int, error: Exception) -> Knob:
    """Raise at one frame."""

    def before(seq: int) -> None:
        if seq == number:
            raise error

    return before


class FakeClock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, ms: float) -> None:
        self.now_ns += int(ms * _MS)

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


class _Fake:
    """What all have in common: the knob, the numbers seen and the threads it was called on."""

    def __init__(self, before: Knob = nothing) -> None:
        self.before = before
        self.seen: list[int] = []
        self.threads: set[str] = set()
        self.busy = False
        self._came = threading.Condition()

    def wait_for(self, count: int) -> None:
        """Block until `count` calls have begun."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.seen) >= count, timeout=30)

    def _begin(self, seq: int) -> None:
        self.threads.add(threading.current_thread().name)
        with self._came:
            self.seen.append(seq)
            self._came.notify_all()
        self.busy = True
        try:
            self.before(seq)
        finally:
            self.busy = False


class FakeCamera(_Fake):
    """`count` images, or images without end."""

    name = label = "fake camera"
    state = ""

    def __init__(self, count: int | None = None, before: Knob = nothing) -> None:
        super().__init__(before)
        self._count = count

    def read(self) -> Image:
        seq = len(self.seen)
        if seq == self._count:
            raise EndOfStream
        self._begin(seq)
        return _stamped(DRIVER, seq)


class FakeTracker(_Fake):
    """A face that is everywhere the frame's number, or None where `face` says no."""

    def __init__(
        self, before: Knob = nothing, face: Callable[[int], bool] = lambda _: True
    ) -> None:
        super().__init__(before)
        self._face = face

    def track(self, image: Image) -> Landmarks | None:
        seq = number_of(image)
        self._begin(seq)
        return np.full((478, 3), seq, np.float32) if self._face(seq) else None


class FakeRetargeter(_Fake):
    """Carries the frame's number on in the jaw; -1 for no face."""

    def retarget(self, landmarks: Landmarks | None, at_ns: int) -> Motion:
        seq = -1 if landmarks is None else int(landmarks[0, 0])
        self._begin(seq)
        return motion(seq)


class FakeGenerator(_Fake):
    """A plain picture with the frame's number."""

    def generate(self, motion: Motion) -> Image:
        self._begin(int(motion.jaw))
        return _stamped(PAINT, max(0, int(motion.jaw)))


class FakeSink(_Fake):
    """Keeps what it is sent."""

    label = "fake sink"

    def __init__(self, before: Knob = nothing) -> None:
        super().__init__(before)
        self.images: list[Image] = []

    def send(self, image: Image) -> None:
        self.images.append(image)
        self._begin(number_of(image))


def motion(jaw: float = 0.0) -> Motion:
    """A motion at rest, but for the jaw."""
    zeros = np.zeros((468, 3), np.float32)
    two = np.ones(2, np.float32)
    return Motion(np.eye(3, dtype=np.float32), two * 0, 1.0, zeros, two, two * 0, 0.0, jaw)


def number_of(image: Image) -> int:
    """The frame's number in an image of these fakes."""
    return int(image[0, 0, 0]) * 256 + int(image[0, 1, 0])


def _stamped(value: int, seq: int) -> Image:
    image = np.full((8, 8, 3), value, np.uint8)
    image[0, 0], image[0, 1] = divmod(seq, 256)
    return image
