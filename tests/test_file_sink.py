"""Video files: exact instants, true colours, sound in step, never half-written."""

import os
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from streamer.clock import MS
from streamer.config import SinkConfig
from streamer.errors import MediaError
from streamer.sink import open_sink
from streamer.sink.file import FileSink, VideoWriter
from streamer.sink.movie import open_movie
from streamer.video import Clip
from tests.media import (
    BLUE,
    GREEN,
    RED,
    SKIN,
    WHITE,
    clicks_ms,
    count_of,
    counted,
    make_counted,
    plain,
    quarters,
    times_ms,
)
from tests.recordings import noise, small_files


def write(path, images, times=None):
    height, width = images[0].shape[:2]
    with VideoWriter(path, width, height, 25) as writer:
        for image, ms in zip(images, times or range(0, 40 * len(images), 40), strict=True):
            writer.write(image, ms * MS)
    return path


def copy(source, target, *window):
    with (
        Clip(source, *window) as clip,
        VideoWriter(target, clip.info.width, clip.info.height, clip.info.fps, clip) as writer,
    ):
        for at_ns, image in clip.frames():
            writer.write(image, at_ns)
    return target


def test_instants_are_kept_exactly(tmp_path):
    """A variable frame rate is written as it is; the file lasts until its last frame is over."""
    times = [0, 33, 70, 180, 181, 400, 1000]
    path = write(tmp_path / "a.mp4", [counted(i) for i in range(7)], times)
    assert times_ms(path) == times
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(1.04, abs=0.001)


@pytest.mark.parametrize("unit", [Fraction(1, 15360), Fraction(1001, 30000), Fraction(1, 1000)])
def test_instants_of_every_unit_are_kept(tmp_path, unit):
    """The driver's own unit of time is taken over, so that nothing is rounded."""
    source = tmp_path / "in.mkv" if unit == Fraction(1, 1000) else tmp_path / "in.mp4"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(1) / (unit * 1), options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = unit
        for i, ticks in enumerate((0, 7, 8, 31, 77)):
            frame = av.VideoFrame.from_ndarray(counted(i), "rgb24")
            frame.pts, frame.time_base = ticks, unit
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert times_ms(copy(source, tmp_path / "out.mp4")) == times_ms(source)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "m4v"])
def test_colours_survive(tmp_path, ending):
    """Pure colours come back within 3 of 255."""
    colours = (RED, GREEN, BLUE, WHITE, SKIN, (0, 0, 0), (128, 128, 128))
    path = write(tmp_path / f"a.{ending}", [plain(64, 48, colour) for colour in colours])
    with Clip(path) as clip:
        for (_, image), colour in zip(clip.frames(), colours, strict=True):
            assert np.abs(image.astype(int) - colour).max() <= 3


def test_files_are_tagged(tmp_path):
    """H.264, yuv420p, BT.709 in limited range: what every player understands."""
    with av.open(str(write(tmp_path / "a.mp4", [quarters(64, 48)] * 3))) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_range) == (Colorspace.ITU709, ColorRange.MPEG)
        assert context.color_primaries == ColorPrimaries.BT709
        assert context.color_trc == ColorTrc.BT709


def test_the_index_comes_first(tmp_path):
    """A browser can play the file while it loads."""
    data = write(tmp_path / "a.mp4", [quarters(64, 48)] * 3).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_gain_an_equal_row_and_column(tmp_path):
    """The last pixels are repeated, as the format has even sizes."""
    with Clip(write(tmp_path / "a.mp4", [quarters(63, 47)] * 2)) as clip:
        _, image = next(clip.frames())
    assert image.shape == (48, 64, 3)
    assert np.abs(image[-1, -1].astype(int) - WHITE).max() <= 3


@pytest.mark.parametrize(
    ("ending", "codec", "kept"),
    [
        ("mp4", "aac", "aac"),
        ("mov", "mp3", "mp3"),
        ("mkv", "pcm_s16le", "aac"),
        ("ts", "aac", "aac"),
    ],
)
def test_sound_stays_in_step(tmp_path, ending, codec, kept):
    """Sound goes along, as it is where the file allows it; clicks stay where they are."""
    source = make_counted(tmp_path / f"in.{ending}", 50, audio=codec)
    whole = copy(source, tmp_path / "whole.mp4")
    with av.open(str(whole)) as container:
        assert container.streams.audio[0].codec_context.name.startswith(kept)
    assert clicks_ms(whole)[:10] == pytest.approx(clicks_ms(source)[:10], abs=3)
    part = clicks_ms(copy(source, tmp_path / "part.mp4", 0.52, 0.9))
    assert [at for at in part if 0 < at < 880] == pytest.approx([80, 280, 480, 680], abs=3)


def test_sound_that_begins_late_stays_late(tmp_path):
    """Silence before the first sound is kept."""
    source = make_counted(tmp_path / "in.mp4", 50, audio="aac", audio_from_ms=900)
    assert clicks_ms(copy(source, tmp_path / "out.mp4"))[0] == pytest.approx(1000, abs=3)


def test_sound_ends_with_the_picture(tmp_path):
    """No sound is heard after the window's last frame is over, save for one packet's rest."""
    source = make_counted(tmp_path / "in.mkv", 50, audio="pcm_s16le")
    with av.open(str(copy(source, tmp_path / "out.mp4", 0.0, 0.4))) as container:
        stream = container.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(0.42, abs=0.05)


def test_a_silent_clip_makes_a_silent_file(tmp_path):
    """Without sound there is no audio stream."""
    path = copy(make_counted(tmp_path / "in.mp4", 5), tmp_path / "out.mp4")
    with av.open(str(path)) as container:
        assert not container.streams.audio


def write_and_fail(path, error):
    with open_movie(path, 64, 48, 25) as writer:
        for i in range(5):
            writer.write(counted(i), i * 40 * MS)
        raise error


@pytest.mark.parametrize("ending", ["mp4", "mkv", "gif", "webp"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path, ending, error):
    """An error or Ctrl-C removes the partial file; what was there before stays."""
    path = tmp_path / f"a.{ending}"
    path.write_text("old")
    with pytest.raises(error):
        write_and_fail(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", ["mp4", "gif", "webp"])
def test_no_picture_makes_no_file(tmp_path, ending):
    """A file without a picture is not written."""
    with (
        pytest.raises(MediaError, match="no picture"),
        open_movie(tmp_path / f"a.{ending}", 64, 48, 25),
    ):
        pass
    assert not list(tmp_path.iterdir())


def write_noise(path):
    with open_movie(path, 192, 144, 25) as writer:
        for i, image in enumerate(noise(30)):
            writer.write(image, i * 40 * MS)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "gif", "webp"])
def test_a_full_disk_leaves_nothing(tmp_path, ending):
    """When the file cannot grow, that is said, and no half of it stays."""
    path = tmp_path / f"a.{ending}"
    with small_files(20_000), pytest.raises(MediaError, match="disk is full"):
        write_noise(path)
    assert not list(tmp_path.iterdir())


def test_a_full_file_system_leaves_nothing(tmp_path):
    """The same on a file system that is really full, where one may be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with pytest.raises(MediaError, match="disk is full"):
            write(tmp_path / "a.mp4", noise(30))
        assert not list(tmp_path.iterdir())
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_place_without_permission_is_refused(tmp_path):
    """A folder that may not be written to is named before any work."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(MediaError, match="no permission"):
        write(tmp_path / "a.mp4", [counted(0)])


def test_unknown_names_are_refused(tmp_path):
    """The name's ending says what is written."""
    for name in ("a.xyz", "a", "a.webm"):
        with pytest.raises(MediaError, match=r"\.mp4"):
            open_movie(tmp_path / name, 64, 48, 25)
    with pytest.raises(MediaError, match=r"\.mp4"), VideoWriter(tmp_path / "a.txt", 64, 48, 25):
        pass


def test_the_input_is_not_overwritten(tmp_path):
    """Writing onto the clip that is read would destroy it, by whatever name."""
    source = make_counted(tmp_path / "in.mp4", 5)
    (tmp_path / "link.mp4").symlink_to(source)
    before = source.read_bytes()
    for name in ("in.mp4", "link.mp4"):
        with pytest.raises(MediaError, match="this is the input"):
            copy(source, tmp_path / name)
    assert source.read_bytes() == before


def test_a_sink_stamps_pictures_as_they_come(tmp_path):
    """The clock's instants, counted from the first picture, are those of the file."""
    instants = iter([5_000 * MS, 5_040 * MS, 5_100 * MS, 5_350 * MS])
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer:
        sink = FileSink(writer, lambda: next(instants))
        for i in range(4):
            sink.send(counted(i))
    assert times_ms(tmp_path / "a.mp4") == [0, 40, 100, 350]


class Audience:
    """A recorder that only counts."""

    def __init__(self):
        self.offered = 0

    def offer(self, image):
        self.offered += 1


@pytest.mark.parametrize("kind", ["file", "none"])
def test_open_sink_takes_what_the_settings_name(tmp_path, kind):
    """A file, or nothing at all; either way the recorder is offered what was shown."""
    path, audience = tmp_path / "a.mp4", Audience()
    config = SinkConfig(kind=kind, path=str(path))
    with open_sink(config, counted(0), 25, audience) as sink:
        assert sink.label == (str(path) if kind == "file" else "nowhere")
        sink.send(counted(3))
    assert audience.offered == 1
    assert path.exists() == (kind == "file")
    if kind == "file":
        with Clip(path) as clip:
            assert [count_of(image) for _, image in clip.frames()] == [3]


def test_pictures_of_another_size_are_a_mistake(tmp_path):
    """A writer is for pictures of one size."""
    with (
        pytest.raises(ValueError, match="picture"),
        VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as w,
    ):
        w.write(plain(32, 48, RED), 0)


def test_names_like_addresses_are_files(tmp_path, monkeypatch):
    """A name that looks like a protocol is a file's name."""
    monkeypatch.chdir(tmp_path)
    write(Path("http:a%03d.mp4"), [counted(0)])
    assert [path.name for path in tmp_path.iterdir()] == ["http:a%03d.mp4"]
