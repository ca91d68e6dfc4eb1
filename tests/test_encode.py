from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from aiortc.codecs import depayload

from streamer.web.budget import Bitrates
from streamer.web.encode import live_encoder, threads_for
from streamer.web.inbox import is_keyframe
from tests.fakes import FakeClock

RATES = Bitrates(start=1000, least=200, most=4000)
NAMES = pytest.mark.parametrize("name", ["H264", "VP8"])


class Source:
    """Pictures that cost bits, 30 a second on a clock that passes only with them."""

    def __init__(self, name, rates=RATES, side=256):
        self.clock = FakeClock()
        self.encoder = live_encoder(name, rates, self.clock)
        self.keys = []
        self._codec = SimpleNamespace(name=name)
        self._random = np.random.default_rng(1)
        self._ground = self._random.integers(0, 255, (side // 8, side // 8, 3), np.uint8)
        self._number = 0

    def send(self, count=1, *, force=False, size=None):
        """Bytes of each."""
        sizes = []
        for _ in range(count):
            image = self._ground.repeat(8, 0).repeat(8, 1) // 2
            image = np.roll(image, 3 * self._number, 1)
            image = image + self._random.integers(0, 25, image.shape, np.uint8)
            if size is not None:
                image = np.ascontiguousarray(image[: size[1], : size[0]])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = self._number * 3000, Fraction(1, 90_000)
            payloads, self.instant = self.encoder.encode(frame, force)
            sizes.append(sum(map(len, payloads)))
            data = b"".join(depayload(self._codec, payload) for payload in payloads)
            self.keys.append(is_keyframe(self._codec.name, data))
            self._number += 1
            self.clock.advance(1000 / 30)
        return sizes

    def kbps(self, count=60):
        return sum(self.send(count)) * 8 * 30 / count / 1000


@NAMES
def test_the_bitrate_is_as_set(name):
    """At 256 x 256, which is a quarter of the usual area."""
    source = Source(name)
    source.send(60)
    assert 200 < source.kbps() < 600
    assert source.encoder.target_bitrate == pytest.approx(1_000_000 * 0.25**0.75, rel=0.01)


@NAMES
def test_a_path_that_carries_less_gets_less(name):
    """An estimate below what is sent is believed."""
    source = Source(name)
    source.send(60)
    before = source.kbps()
    source.encoder.target_bitrate = 150_000
    source.send(60)
    assert source.kbps() < before * 0.7


@NAMES
def test_an_estimate_above_what_is_sent_takes_nothing_away(name):
    """It is low because the picture needed little, not because the path is narrow."""
    source = Source(name)
    source.send(1)
    wanted = source.encoder.target_bitrate
    source.clock.advance(5000)
    source.encoder.target_bitrate = 30_000
    assert source.encoder.target_bitrate == wanted


@NAMES
def test_the_bitrate_stays_within_its_bounds(name):
    """Whatever is estimated."""
    source = Source(name, side=512)
    source.send(31)
    source.encoder.target_bitrate = 1
    assert source.encoder.target_bitrate == 200_000
    source.encoder.target_bitrate = 10**9
    assert source.encoder.target_bitrate == 4_000_000


@NAMES
def test_small_changes_of_the_bitrate_bring_no_keyframe(name):
    """Stock makes the encoder anew at every tenth."""
    source = Source(name)
    source.send(40)
    codec = source.encoder.codec
    for share in (0.95, 0.9, 0.8):
        source.encoder.target_bitrate = round(1_000_000 * 0.25**0.75 * share)
        source.send(5)
    assert source.encoder.codec is codec


def test_x264_follows_a_large_change_without_a_keyframe():
    """It takes a new bitrate while it runs."""
    source = Source("H264")
    source.send(40)
    source.encoder.target_bitrate = 120_000
    source.send(40)
    assert source.kbps() < 180
    assert source.keys.count(True) == 1


def test_x264_follows_upwards_too():
    """When the path proves wider."""
    source = Source("H264")
    source.send(60)
    before = source.kbps()
    source.encoder.target_bitrate = 1_200_000
    source.send(40)
    assert source.kbps() > 1.5 * before
    assert source.keys.count(True) == 1


@NAMES
def test_a_keyframe_comes_when_it_is_asked_for_and_only_then(name):
    """Decoders that begin there understand it."""
    source = Source(name)
    source.send(5)
    assert [source.keys[0], *source.keys[1:]] == [True, False, False, False, False]
    source.send(1, force=True)
    source.send(1)
    assert source.keys[-2:] == [True, False]


@NAMES
def test_sizes_may_change_and_be_odd(name):
    """The encoder is made anew; the last odd row and column go."""
    source = Source(name)
    source.send(3)
    source.send(2, size=(101, 77))
    assert (source.encoder.codec.width, source.encoder.codec.height) == (100, 76)
    source.send(2)
    assert source.encoder.codec.width == 256


@NAMES
def test_instants_are_those_of_the_pictures(name):
    """In 1/90000 s, as RTP has them."""
    source = Source(name)
    source.send(4)
    assert source.instant == 9000


@NAMES
def test_no_picture_is_held_back(name):
    """Each leaves in the call that brought it."""
    assert all(Source(name).send(10))


def test_the_shared_picture_is_not_touched():
    """Another viewer's encoder must not see this one's keyframe."""
    frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 90_000)
    before = frame.pict_type
    live_encoder("H264", RATES).encode(frame, force_keyframe=True)
    assert frame.pict_type == before


def test_other_codecs_have_no_live_encoder():
    """The caller leaves aiortc's own then."""
    with pytest.raises(LookupError, match="AV1"):
        live_encoder("AV1", RATES)


def test_threads_are_bounded():
    """Other sessions need their cores."""
    assert threads_for(512, 512, 64) == 1
    assert threads_for(1280, 720, 2) == 1
    assert threads_for(1920, 1080, 64) == 4
