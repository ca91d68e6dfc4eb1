"""What tests of recordings need: made-up devices, full disks, and eyes and ears for files."""

import contextlib
import resource
import signal
import time
from itertools import pairwise

import av
import numpy as np

from streamer.sink.sound import RATE
from tests.fakes import MS

BLACK = np.zeros((48, 64, 3), np.uint8)
WHITE = np.full((48, 64, 3), 255, np.uint8)


def pictures(path):
    """The instants and levels of all pictures, in seconds."""
    with av.open(str(path)) as container:
        return [
            (frame.time, float(frame.to_ndarray(format="gray").mean()))
            for frame in container.decode(video=0)
        ]


def flashes(path):
    """When white pictures appear."""
    seen = pictures(path)
    return [at for (_, before), (at, level) in pairwise(seen) if level > 128 > before]


def heard(path):
    """The sound and the instant of its first sample."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    return frames[0].time, np.concatenate([frame.to_ndarray()[0] for frame in frames])


def clicks(path):
    """When clicks are heard, in seconds."""
    first, sound = heard(path)
    loud = np.flatnonzero(np.abs(sound) > 0.25)
    starts = loud[np.diff(loud, prepend=-RATE) > RATE // 10]
    return [first + at / RATE for at in starts]


def boxes(path):
    """The names of the parts that an MP4 consists of."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode())
        size = int.from_bytes(data[at : at + 4], "big")
        at += int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
    return names


@contextlib.contextmanager
def small_files(limit):
    """No file may grow beyond `limit` bytes: what a full disk is to a writer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def noise(count):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (144, 192, 3), np.uint8) for _ in range(count)]


def wait(until):
    """Until it is so; a test that hangs fails by its time limit."""
    while not until():
        time.sleep(MS / 1e9)


class FakeRoom:
    """Sound devices that deliver what is put in; knobs say what is wrong with them."""

    name = "a fake"
    rate = RATE

    def __init__(self, failure=None):
        self.failure = failure
        self.running = True
        self.open = 0
        self.opened = 0
        self.hear = None

    @contextlib.contextmanager
    def __call__(self, clock, *, prompt):
        self.open += 1
        self.opened += 1
        try:
            yield self
        finally:
            self.open -= 1

    def microphone(self, choice, hear):
        if self.failure is not None:
            raise self.failure
        self.hear = hear
        return self

    def start(self):
        pass
