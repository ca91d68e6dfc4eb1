"""A webcam through whatever becomes of it; fakes only in the device's place."""

import errno
import logging
import threading
import time

import numpy as np
import pytest

from streamer.camera.webcam import Patience
from streamer.errors import DeviceError
from tests.cameras import C920, MOVED, QUICK, Bench, FakeFeed, Paced, picture, until
from tests.fakes import FakeClock


def next_image(webcam):
    return until(webcam.read)


def test_an_image_comes_through():
    """With the label of what was obtained, and nothing wrong."""
    feed = FakeFeed(picture(7))
    with Bench(feed, patience=Patience()).webcam as webcam:
        assert np.array_equal(webcam.read(), picture(7))
        assert webcam.label == "C920, 8 x 8 MJPEG"
        assert webcam.state == ""
        assert webcam.fps == 0
    assert feed.closed == 1
    assert feed.threads == {"webcam"}


def test_only_the_newest_is_given():
    """An image that nobody took in time is counted, and not shown."""
    bench = Bench(FakeFeed(picture(1), picture(2), picture(3)))
    with bench.webcam as webcam:
        until(lambda: len(bench.drops) == 2)
        assert webcam.read()[0, 0, 0] == 3
    assert bench.drops == ["camera: newer"] * 2


def test_an_image_that_grew_old_is_not_given():
    """As after the computer slept."""
    clock = FakeClock()
    bench = Bench(FakeFeed(picture(1)), clock=clock, patience=Patience(idle=0.001, quiet=0.001))
    with bench.webcam as webcam:
        clock.advance(600)
        assert webcam.read() is None
    assert bench.drops == ["camera: stale"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EBUSY, "in use by another program"),
        (errno.EACCES, "usermod"),
        (errno.ENOENT, "not there"),
    ],
)
def test_a_camera_that_cannot_be_opened_is_an_error(code, words):
    """At once, with the remedy."""
    bench = Bench(OSError(code, "no"))
    with pytest.raises(DeviceError, match=words), bench.webcam:
        pass
    assert len(bench.connected) == 1
    assert not bench.webcam._thread.is_alive()


def test_a_camera_that_shows_nothing_is_an_error():
    """However long its driver takes."""
    feed = FakeFeed()
    with pytest.raises(DeviceError, match="gives no picture"):
        Bench(feed, patience=Patience(first=0.05)).webcam.__enter__()
    assert feed.closed == 1


def test_a_lost_camera_is_waited_for_and_found_under_another_number(caplog):
    """None comes meanwhile; afterwards all is well again."""
    caplog.set_level(logging.INFO)
    gone = FakeFeed(picture(1), then=OSError(errno.ENODEV, "gone"))
    back = FakeFeed(picture(2), label="C920 again")
    busy = OSError(errno.EBUSY, "busy")
    bench = Bench(gone, busy, busy, back, places=(None, None, MOVED))
    hold = threading.Event()
    relocate = bench.relocate
    bench.webcam._relocate = lambda lost: hold.wait(30) and relocate(lost)
    with bench.webcam as webcam:
        until(lambda: webcam.state.startswith("away: C920 (/dev/video0) is not there"))
        until(lambda: webcam.read() is None)
        assert webcam.state.endswith("; waiting for it")
        assert webcam.fps == 0
        hold.set()
        until(lambda: (image := webcam.read()) is not None and image[0, 0, 0] == 2)
        assert webcam.label == "C920 again"
    assert bench.connected == [C920, MOVED, MOVED, MOVED]
    assert (gone.closed, back.closed) == (1, 1)
    told = [(record.levelname, record.message) for record in caplog.records]
    assert told[0][0] == "WARNING"
    assert told[-1] == ("INFO", "camera C920 (/dev/video1) is back")
    assert len(told) == 2


def test_the_image_of_before_is_not_shown_after_a_loss():
    """Whoever reads late does not see the past."""
    feed = FakeFeed(picture(1), then=OSError(errno.ENODEV, "gone"))
    bench = Bench(feed, OSError(errno.ENODEV, "gone"))
    with bench.webcam as webcam:
        until(lambda: webcam.state != "")
        assert webcam.read() is None


def test_while_away_none_comes_at_an_even_pace():
    """The portrait idles; nobody spins."""
    feed = FakeFeed(picture(1), then=OSError(errno.ENODEV, "gone"))
    with Bench(feed, OSError(errno.ENODEV, "gone")).webcam as webcam:
        until(lambda: webcam.state != "")
        began = time.monotonic()
        for _ in range(5):
            assert webcam.read() is None
        assert time.monotonic() - began >= 5 * QUICK.idle * 0.9


def test_the_pauses_between_attempts_double():
    """From a quarter of a second to four."""
    pauses = Bench(FakeFeed(), patience=Patience()).webcam._pauses()
    assert [next(pauses) for _ in range(7)] == [0.25, 0.5, 1, 2, 4, 4, 4]


def test_a_driver_that_hangs_holds_up_nobody(caplog):
    """`read` gives None, `close` leaves the reader behind and says so."""
    hang = threading.Event()
    feed = FakeFeed(picture(1))

    def take(longest_s):
        if feed.given:
            return feed.given.popleft()
        hang.wait(60)
        return None

    feed.take = take
    bench = Bench(feed, patience=Patience(quiet=0.02, idle=0.005, let_go=0.02))
    with bench.webcam as webcam:
        next_image(webcam)
        assert webcam.read() is None
        assert "gives no picture" in webcam.state
    assert bench.webcam._thread.is_alive()
    assert feed.closed == 0
    assert "does not answer" in caplog.text
    hang.set()
    bench.webcam._thread.join(30)
    assert feed.closed == 1


def test_a_driver_that_hangs_while_opening_is_left_behind():
    """It is an error, not a wait without end."""
    hang = threading.Event()
    bench = Bench(FakeFeed(), patience=Patience(first=0.02, let_go=0.02))
    bench.webcam._connect = lambda _: hang.wait(60) and FakeFeed()
    with pytest.raises(DeviceError, match="gives no picture"), bench.webcam:
        pass
    hang.set()
    bench.webcam._thread.join(30)


def noise(count):
    random = np.random.default_rng(1)
    return [random.integers(60, 200, (64, 64, 3)).astype(np.uint8) for _ in range(count)]


def watched(images, every_ms):
    """The webcam's words and rate after all those images."""
    clock = FakeClock()
    feed = Paced(clock, images, every_ms)
    with Bench(feed, clock=clock, patience=Patience()).webcam as webcam:
        until(lambda: not feed.given)
        until(lambda: len(webcam._came_ns) == min(len(images), 31))
        return webcam.state, webcam.fps


def test_a_camera_at_its_rate_is_well():
    """Measured over the last thirty intervals."""
    state, fps = watched(noise(40), 33)
    assert state == ""
    assert fps == pytest.approx(1000 / 33, rel=0.01)


def test_a_slow_camera_works_and_says_so():
    """The rate is measured, whatever the camera promised."""
    state, fps = watched(noise(40), 200)
    assert fps == pytest.approx(5)
    assert state.startswith("gives 5 fps of 30: more light helps")


def test_a_covered_lens_is_told():
    """It is not a face that was lost."""
    assert "black" in watched([image // 60 for image in noise(80)], 40)[0]


def test_a_frozen_picture_is_told():
    """It is not a driver who sits still."""
    assert "stands still" in watched([picture(90)] * 90, 40)[0]


def test_a_pause_is_not_taken_for_a_slow_camera():
    """The rate is measured anew after it."""
    clock = FakeClock()
    feed = Paced(clock, noise(20), 33)
    with Bench(feed, clock=clock, patience=Patience()).webcam as webcam:
        until(lambda: len(webcam._came_ns) == 20)
        clock.advance(5000)
        feed.given.extend(noise(20))
        until(lambda: not feed.given and len(webcam._came_ns) == 20)
        assert webcam.fps == pytest.approx(1000 / 33, rel=0.01)


def test_a_camera_that_falls_silent_is_opened_anew():
    """Some need it after the computer slept."""
    clock = FakeClock()
    silent, again = FakeFeed(picture(1)), FakeFeed(picture(2))
    bench = Bench(silent, again, clock=clock, patience=Patience(back=0.001), places=(C920,))
    with bench.webcam as webcam:
        next_image(webcam)
        clock.advance(5001)
        until(lambda: (image := webcam.read()) is not None and image[0, 0, 0] == 2)
    assert (silent.closed, again.closed) == (1, 1)


def test_a_bug_of_the_reader_is_not_hidden():
    """`read` raises what the thread fell over."""
    with Bench(FakeFeed(picture(1), then=RuntimeError("a bug"))).webcam as webcam:
        until(lambda: webcam._failure)
        with pytest.raises(RuntimeError, match="a bug"):
            webcam.read()


def test_closing_while_the_camera_is_away_is_prompt():
    """Nobody waits for the next attempt."""
    feed = FakeFeed(picture(1), then=OSError(errno.ENODEV, "gone"))
    bench = Bench(feed, OSError(errno.ENODEV, "gone"), patience=Patience(back=3600, let_go=30))
    with bench.webcam as webcam:
        until(lambda: webcam.state != "")
    assert not bench.webcam._thread.is_alive()
