"""An opened camera: real PyAV, with lavfi or a file in the driver's place."""

import errno
import itertools
import os

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from streamer.camera.devices import CameraDevice
from streamer.camera.feed import Asked, open_feed
from tests.cameras import Driver, device, pattern, refusing, until
from tests.media import count_of, make_counted, make_video, plain

ASKED = Asked(64, 48, 100)
CAMERA = device("C920")


def feed_of(path, script, drops=None):
    driver = Driver(path, script)
    drops = [] if drops is None else drops
    return driver, open_feed(CAMERA, ASKED, drops.append, lambda *_: driver)


def image_of(feed):
    return until(lambda: feed.take(1.0))


def test_images_are_rgb_and_move():
    """Real decoding, at the pace of the device."""
    drops = []
    feed = open_feed(CAMERA, ASKED, drops.append, pattern())
    first = image_of(feed)
    until(lambda: not np.array_equal(first, image_of(feed)))
    feed.close()
    assert first.shape == (48, 64, 3)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous


def test_the_label_tells_what_was_obtained():
    """Name, place, size and rate."""
    feed = open_feed(CAMERA, ASKED, [].append, pattern())
    feed.close()
    assert feed.label.startswith("C920 (/dev/video0), 64 x 48 ")
    assert feed.label.endswith("asked 100 fps")


def test_another_size_than_asked_is_told():
    """The driver gives the nearest it has, and all works with it."""
    feed = open_feed(CAMERA, ASKED, [].append, pattern("160x120"))
    assert image_of(feed).shape == (120, 160, 3)
    feed.close()
    assert "160 x 120 (not 64 x 48)" in feed.label


def test_mjpeg_is_named(tmp_path):
    """As cameras call it."""
    _, feed = feed_of(make_counted(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj422p"), [1])
    assert "64 x 48 MJPEG" in feed.label
    feed.close()


def wishes_of(system, refusals):
    """What a device of that system is asked for, when it refuses so often."""
    seen = []
    camera = CameraDevice("C920", "x", system)

    def opener(address, name, options):
        assert (address, name) == ("x", system)
        seen.append(options)
        if len(seen) <= refusals:
            av.error.err_check(-errno.EINVAL)
        return pattern()(address, name, options)

    open_feed(camera, ASKED, [].append, opener).close()
    keys = ("input_format", "video_size", "framerate")
    return [tuple(options.get(key) for key in keys) for options in seen]


def test_mjpeg_is_asked_first_then_less_and_less():
    """The driver's default before giving up the rate, the rate before the size."""
    assert wishes_of("v4l2", 7) == [
        ("mjpeg", "64x48", "100"),
        (None, "64x48", "100"),
        ("mjpeg", "64x48", None),
        (None, "64x48", None),
        ("mjpeg", None, "100"),
        (None, None, "100"),
        ("mjpeg", None, None),
        (None, None, None),
    ]


def test_other_systems_choose_the_format_themselves():
    """And macOS is never left without a rate: its usual one fails."""
    assert wishes_of("dshow", 1) == [(None, "64x48", "100"), (None, "64x48", None)]
    assert wishes_of("avfoundation", 3)[-1] == (None, None, "30")


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EACCES, errno.ENODEV])
def test_what_no_other_format_mends_is_not_tried_again(code):
    """The system's own number comes through."""
    calls = []

    def opener(*args):
        calls.append(args)
        return refusing(code)(*args)

    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        open_feed(CAMERA, ASKED, [].append, opener)
    assert caught.value.errno == code
    assert len(calls) == 1


def test_a_device_that_refuses_everything_is_an_error():
    """With the first refusal's number."""
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)) as caught:
        open_feed(CAMERA, ASKED, [].append, refusing(errno.EINVAL))
    assert caught.value.errno == errno.EINVAL


def test_only_the_newest_of_what_lies_in_the_driver_is_shown(tmp_path):
    """After a stall the old ones are let go, and counted."""
    drops = []
    path = make_counted(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p")
    driver, feed = feed_of(path, [0, 1, 0, 1, 1, 1, 0], drops)
    assert count_of(image_of(feed)) == 0
    assert count_of(image_of(feed)) == 3
    assert drops == ["camera: stale"] * 2
    feed.close()
    assert driver.closed == 1


def test_images_that_build_on_each_other_are_all_decoded(tmp_path):
    """A camera that sends H.264 shows whole pictures after a stall too."""
    drops = []
    still = {"bf": "0", "g": "100"}
    path = make_counted(tmp_path / "a.avi", codec="mpeg4", options=still)
    _, feed = feed_of(path, [1, 0, 1, 1, 1, 1, 0], drops)
    assert count_of(image_of(feed)) == 0
    assert count_of(image_of(feed)) == 4
    assert drops == ["camera: stale"] * 3
    feed.close()


def test_a_silent_device_gives_none_in_time(tmp_path):
    """Nobody waits for it longer than asked."""
    path = make_counted(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p")
    _, feed = feed_of(path, itertools.repeat(0))
    assert feed.take(0.01) is None
    feed.close()


def test_a_lost_device_is_an_error_of_the_system(tmp_path):
    """As when it is unplugged."""
    _, feed = feed_of(make_counted(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p"), [1, 0])
    image_of(feed)
    with pytest.raises(OSError, match=os.strerror(errno.ENODEV)) as caught:
        feed.take(0.01)
    assert caught.value.errno == errno.ENODEV
    feed.close()


def test_a_source_that_ends_is_lost(tmp_path):
    """A device has no end."""
    path = make_counted(tmp_path / "a.avi", 2, codec="mjpeg", pix_fmt="yuvj420p")
    feed = open_feed(CAMERA, ASKED, [].append, lambda *_: av.open(str(path)))
    with pytest.raises(OSError, match="no more images"):
        feed.take(0.01)
    feed.close()


def test_a_damaged_image_is_passed_over(tmp_path):
    """The first ones of many cameras are."""
    drops = []
    path = make_counted(tmp_path / "a.avi", 3, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    second = data.index(b"\xff\xd8", data.index(b"\xff\xd8") + 2)
    data[second + 2 : second + 600] = bytes(598)
    path.write_bytes(data)
    _, feed = feed_of(path, [1, 0, 1, 0, 1, 0], drops)
    assert count_of(image_of(feed)) == 0
    assert count_of(image_of(feed)) == 2
    assert drops == ["camera: damaged"]
    feed.close()


COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (128, 128, 128), (235,) * 3]


def patches(width, height):
    image = plain(width, height, (16, 16, 16))
    step = width // len(COLOURS)
    for number, colour in enumerate(COLOURS):
        image[:, number * step : (number + 1) * step] = colour
    return image


@pytest.mark.parametrize(("width", "height"), [(192, 96), (1296, 720)])
@pytest.mark.parametrize(
    ("codec", "pixels", "span", "options"),
    [
        ("mjpeg", "yuvj422p", ColorRange.JPEG, {"qmin": "1", "qmax": "1"}),
        ("mjpeg", "yuvj420p", ColorRange.JPEG, {"qmin": "1", "qmax": "1"}),
        ("rawvideo", "yuyv422", ColorRange.MPEG, {}),
        ("rawvideo", "uyvy422", ColorRange.MPEG, {}),
        ("rawvideo", "yuv420p", ColorRange.MPEG, {}),
    ],
)
def test_colours_are_those_before_the_camera(tmp_path, codec, pixels, span, options, width, height):
    """MJPEG is full range, raw pixels are limited, and BT.601 is meant, in HD too."""
    path = make_video(
        tmp_path / "a.avi",
        [patches(width, height)],
        codec=codec,
        pix_fmt=pixels,
        matrix=Colorspace.ITU601,
        span=span,
        options=options,
    )
    _, feed = feed_of(path, [1, 0])
    image = image_of(feed)
    feed.close()
    step = width // len(COLOURS)
    for number, colour in enumerate(COLOURS):
        middle = image[height // 2, number * step + step // 2].astype(int)
        assert np.abs(middle - colour).max() <= 4, (colour, middle)


def test_rgb_from_a_driver_is_copied(tmp_path):
    """No array is a view of the driver's memory."""
    path = make_video(tmp_path / "a.nut", [patches(192, 96)], codec="rawvideo", pix_fmt="rgb24")
    _, feed = feed_of(path, [1, 0])
    image = image_of(feed)
    feed.close()
    assert image.base is None
    assert np.array_equal(image, patches(192, 96))
