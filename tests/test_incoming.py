import asyncio
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from streamer.errors import EndOfStream
from streamer.web.incoming import EchoedVoice, PeerCamera
from tests.calls import grey
from tests.fakes import MS, FakeClock
from tests.media import make_video, quarters


def test_the_newest_frame_is_read():
    """Older ones that nobody took are gone, and counted."""
    camera = PeerCamera()
    for level in (10, 20, 30):
        camera.offer(grey(level))
    assert camera.read()[0, 0, 0] == 30
    assert camera.dropped == 2


def test_a_slow_reader_stays_as_near_to_now_as_a_quick_one():
    """Age is flat: it costs frames, not latency."""
    camera, stop = PeerCamera(), threading.Event()
    newest = [0]

    def film():
        while not stop.is_set():
            newest[0] += 1
            camera.offer(grey(newest[0] % 256))
            time.sleep(5 * MS / 1e9)

    thread = threading.Thread(target=film)
    thread.start()
    behind = []
    for _ in range(12):
        level = int(camera.read()[0, 0, 0])
        behind.append((newest[0] - level) % 256)
        time.sleep(25 * MS / 1e9)
    stop.set()
    thread.join()
    assert max(behind) <= 3
    assert camera.dropped > 20


def test_read_returns_none_when_nothing_comes():
    """Within a second: the pipeline must be able to stop."""
    assert PeerCamera().read() is None


def test_closing_ends_a_read_that_waits():
    """At once, as the end of the stream."""
    camera = PeerCamera()
    threading.Timer(20 * MS / 1e9, camera.close).start()
    with pytest.raises(EndOfStream):
        camera.read()
    with pytest.raises(EndOfStream):
        camera.read()


def test_sizes_may_change_mid_call():
    """As when a telephone is turned."""
    camera = PeerCamera()
    for size in ((64, 48), (48, 64), (321, 241), (16, 16)):
        camera.offer(grey(9, *size))
        image = camera.read()
        assert image.shape == (size[1], size[0], 3)
        assert image.flags.c_contiguous
        assert f"{size[0]} x {size[1]}" in camera.label


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((3840, 2160), (1920, 1080)),
        ((2160, 3840), (1080, 1920)),
        ((1920, 1080), (1920, 1080)),
        ((4000, 100), (1920, 48)),
    ],
)
def test_very_large_frames_are_made_smaller(size, scaled):
    """Nothing after it needs more."""
    camera = PeerCamera()
    camera.offer(grey(9, *size))
    assert camera.read().shape[:2][::-1] == scaled


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(tmp_path, degrees):
    """What is upright for the sender is upright here."""
    path = make_video(tmp_path / "a.mp4", [quarters(96, 64)] * 3, degrees=degrees)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    camera = PeerCamera()
    camera.offer(frame)
    seen = camera.read()
    upright = np.rot90(quarters(96, 64), round(frame.rotation / 90))
    assert seen.shape == upright.shape
    assert np.abs(seen[8, 8].astype(int) - upright[8, 8]).max() < 80
    assert np.abs(seen[-8, -8].astype(int) - upright[-8, -8]).max() < 80


def test_the_state_says_what_is_wrong():
    """In words for a person."""
    clock = FakeClock()
    camera = PeerCamera(clock)
    assert camera.state == "no video has come from the browser yet"
    camera.offer(grey(1))
    assert camera.state == ""
    clock.advance(2500)
    assert camera.state == "no video comes from the browser"
    camera.close()
    assert camera.state == "the browser is gone"


def test_the_rate_is_that_of_the_last_two_seconds():
    """Not of the whole call."""
    clock = FakeClock()
    camera = PeerCamera(clock)
    for _ in range(90):
        camera.offer(grey(1))
        clock.advance(1000 / 30)
    assert camera.fps == pytest.approx(30, abs=1)
    clock.advance(3000)
    assert camera.fps == 0


def sound(level):
    frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
    frame.planes[0].update(np.full(1920, level, np.int16).tobytes())
    frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
    return frame


def echoed(latency_ms, came):
    """Levels that go back, one each 20 ms, when `came[n]` is offered in step n."""

    async def main():
        clock, heard = FakeClock(), []
        voice = EchoedVoice(lambda: latency_ms * 1_000_000, clock)
        for level in came:
            if level:
                voice.offer(sound(level))
            frame = await voice.recv()
            heard.append(int(frame.to_ndarray()[0, 0]))
            clock.advance(20)
        assert frame.pts == 960 * (len(came) - 1)
        return heard

    return asyncio.run(main())


def test_the_voice_goes_back_as_late_as_the_picture():
    """So that lips and words fit."""
    assert echoed(60, [1, 2, 3, 4, 5, 6]) == [0, 0, 0, 1, 2, 3]


def test_what_is_missing_is_silence():
    """And what comes after it is not late for that."""
    assert echoed(20, [1, 2, 0, 0, 5, 6]) == [0, 1, 2, 0, 0, 5]


def test_no_sound_is_silence_at_the_pace_of_sound():
    """A muted microphone, or none."""
    assert echoed(0, [0] * 5) == [0] * 5


def test_a_burst_of_sound_does_not_stay_behind():
    """What is older than the latency goes."""

    async def main():
        clock = FakeClock()
        voice = EchoedVoice(lambda: 0, clock)
        for level in range(1, 300):
            voice.offer(sound(level))
        clock.advance(500)
        return int((await voice.recv()).to_ndarray()[0, 0])

    assert asyncio.run(main()) == 299


def test_a_latency_that_shrinks_leaves_no_old_sound():
    """The echo follows the picture."""

    async def main():
        clock, latency = FakeClock(), [500 * 1_000_000]
        voice = EchoedVoice(lambda: latency[0], clock)
        for level in range(1, 31):
            voice.offer(sound(level))
            await voice.recv()
            clock.advance(20)
        latency[0] = 40 * 1_000_000
        return int((await voice.recv()).to_ndarray()[0, 0])

    assert asyncio.run(main()) >= 26
