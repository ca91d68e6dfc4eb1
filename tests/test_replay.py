"""A clip in a camera's place."""

import contextlib

import numpy as np
import pytest

from streamer.bundled import clip_path
from streamer.camera import open_camera
from streamer.camera.replay import Replay
from streamer.clock import SECOND
from streamer.config import CameraConfig
from streamer.errors import EndOfStream, MediaError
from streamer.video import Clip, ClipInfo
from tests.fakes import MS, FakeClock

FRAME_MS = 40


class FakeClip:
    """Frames at given instants (ms), each taking some time to decode."""

    def __init__(self, times_ms, clock, decode_ms=0):
        self.info = ClipInfo(8, 8, 1000 / FRAME_MS, None, None, has_audio=False)
        self._times_ms = times_ms
        self._clock = clock
        self._decode_ms = decode_ms

    def frames(self):
        for number, ms in enumerate(self._times_ms):
            self._clock.advance(self._decode_ms)
            yield ms * MS, np.full((8, 8, 3), number, np.uint8)


class Watch:
    """A replay on a clock of its own, and what it did."""

    def __init__(self, times_ms=range(0, 400, FRAME_MS), decode_ms=0, *, loop=False):
        self.clock = FakeClock()
        self.sleeps = []
        self.drops = []
        clip = FakeClip(times_ms, self.clock, decode_ms)
        self.replay = Replay(
            clip, self.drops.append, loop=loop, clock=self.clock, sleep=self._sleep
        )

    def _sleep(self, seconds):
        self.sleeps.append(seconds)
        self.clock.sleep(seconds)

    def read(self):
        """The number of the frame, and when it came (ms)."""
        return int(self.replay.read()[0, 0, 0]), self.clock.now_ns / MS

    def read_all(self):
        seen = []
        with contextlib.suppress(EndOfStream):
            while True:
                seen.append(self.read())
        return seen


def test_each_image_comes_at_its_time():
    """A clip of 25 frames a second gives one every 40 ms, then ends."""
    assert Watch().read_all() == [(n, n * FRAME_MS) for n in range(10)]


def test_uneven_times_are_kept():
    """A variable frame rate is replayed as it is."""
    watch = Watch([0, 10, 100, 130])
    assert watch.read_all() == [(0, 0), (1, 10), (2, 100), (3, 130)]


def test_decoding_does_not_shift_the_pace():
    """The successor is decoded before its time, not after it."""
    watch = Watch(decode_ms=10)
    assert [ms for _, ms in watch.read_all()] == [n * FRAME_MS + 20 for n in range(10)]


def test_frames_missed_by_a_slow_reader_are_dropped_and_counted():
    """As with a camera: who comes 170 ms later sees the image of then."""
    watch = Watch()
    assert watch.read() == (0, 0)
    watch.clock.advance(170)
    assert watch.read() == (4, 170)
    assert watch.read() == (5, 200)
    assert watch.drops == ["camera: behind"] * 3


def test_a_clip_too_slow_to_decode_still_gives_images():
    """Decoding slower than the clip's pace drops frames, but not all of them."""
    watch = Watch(range(0, 4000, FRAME_MS), decode_ms=60)
    seen = watch.read_all()
    assert len(seen) > 10
    assert seen[-1][0] == 99
    assert len(seen) + len(watch.drops) == 100


def test_no_wait_is_longer_than_a_second():
    """Over a long still the last image is given again, so that asking to stop is heard."""
    watch = Watch([0, 2500])
    assert watch.read_all() == [(0, 0), (0, 1000), (0, 2000), (1, 2500)]
    assert max(watch.sleeps) <= 1


def test_a_loop_goes_on_without_a_gap():
    """The second round begins one frame after the last image of the first."""
    watch = Watch([0, 40, 80], loop=True)
    seen = [watch.read() for _ in range(7)]
    assert seen == [(n % 3, n * FRAME_MS) for n in range(7)]


def test_an_empty_clip_ends_at_once():
    """Even in a loop, which must not spin."""
    assert Watch([], loop=True).read_all() == []


def test_the_bundled_clip_can_be_the_camera():
    """`open_camera` opens what the settings name, and says so."""
    if not clip_path("demo").exists():
        pytest.skip("the bundled clip is not here")
    with open_camera(CameraConfig(kind="replay"), [].append, loop=False) as camera:
        assert camera.label == "demo.mp4 at its own pace, 25 fps"
        assert camera.state == ""
        first, second = camera.read(), camera.read()
    with Clip(clip_path("demo")) as clip:
        frames = clip.frames()
        assert np.array_equal(first, next(frames)[1])
    assert first.shape == second.shape


def test_a_missing_clip_is_an_error(tmp_path):
    """It is told before the run begins."""
    config = CameraConfig(kind="replay", clip=str(tmp_path / "none.mp4"))
    with pytest.raises(MediaError), open_camera(config, [].append, loop=False):
        pass


def test_a_minute_long_pause_is_not_slept_through():
    """A gap of a minute takes sixty reads, none of which blocks longer than a second."""
    watch = Watch([0, 60_000])
    assert len(watch.read_all()) == 61
    assert watch.clock.now_ns == 60 * SECOND
