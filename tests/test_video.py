"""The clip reader against videos of every kind, good and bad."""

import itertools
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from streamer.errors import MediaError
from streamer.video import Clip
from tests.media import (
    BLUE,
    GREEN,
    RED,
    SKIN,
    WHITE,
    count_of,
    counted,
    make_counted,
    make_sound,
    make_video,
    plain,
    quarters,
    truncated,
)


def read(path, *window):
    with Clip(path, *window) as clip:
        return [(round(at_ns / 1e6), count_of(image)) for at_ns, image in clip.frames()]


def complaint(path, *window):
    with pytest.raises(MediaError) as caught, Clip(path, *window) as clip:
        list(clip.frames())
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


def corners(image):
    height, width = image.shape[:2]
    ys, xs = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return [nearest(image[y, x]) for y, x in itertools.product(ys, xs)]


def nearest(pixel):
    colours = (RED, GREEN, BLUE, WHITE)
    return min(colours, key=lambda c: float(np.abs(pixel.astype(int) - c).max()))


def test_variable_frame_rate_is_kept(tmp_path):
    """Frames come with the instants that the file gives them."""
    times = [0, 33, 70, 180, 181, 400, 1000]
    path = make_counted(tmp_path / "vfr.mp4", 7, times_ms=times)
    assert read(path) == list(zip(times, range(7), strict=True))


def test_a_clip_can_be_read_again(tmp_path):
    """Each pass begins anew and gives the same frames, even beside an unfinished one."""
    with Clip(make_counted(tmp_path / "a.mp4", 6)) as clip:
        next(clip.frames())
        passes = [[(t, i.tobytes()) for t, i in clip.frames()] for _ in range(2)]
    assert passes[0] == passes[1]
    assert len(passes[0]) == 6


@pytest.mark.parametrize(
    ("degrees", "mirrored", "expected"),
    [
        (0, False, [RED, GREEN, BLUE, WHITE]),
        (90, False, [GREEN, WHITE, RED, BLUE]),
        (180, False, [WHITE, BLUE, GREEN, RED]),
        (270, False, [BLUE, RED, WHITE, GREEN]),
        (0, True, [GREEN, RED, WHITE, BLUE]),
        (90, True, [WHITE, GREEN, BLUE, RED]),
    ],
)
def test_rotated_videos_are_upright(tmp_path, degrees, mirrored, expected):
    """A phone's display matrix, turned counter-clockwise or mirrored, is applied."""
    path = make_video(
        tmp_path / "turned.mp4", [quarters(80, 48)] * 2, degrees=degrees, mirrored=mirrored
    )
    with Clip(path) as clip:
        _, image = next(clip.frames())
        assert corners(image) == expected
        assert (clip.info.width, clip.info.height) == ((48, 80) if degrees % 180 else (80, 48))
        assert image.shape == (clip.info.height, clip.info.width, 3)
        assert image.flags.c_contiguous


@pytest.mark.parametrize("matrix", [Colorspace.ITU709, Colorspace.ITU601, Colorspace.BT2020])
@pytest.mark.parametrize("span", [ColorRange.MPEG, ColorRange.JPEG])
def test_tagged_colours_are_exact(tmp_path, matrix, span):
    """Whatever matrix and range a file is tagged with, its colours come out as they were."""
    colours = (RED, GREEN, BLUE, WHITE, SKIN, (0, 0, 0))
    images = [plain(64, 48, colour) for colour in colours]
    path = make_video(
        tmp_path / "c.mkv", images, codec="ffv1", pix_fmt="yuv444p", matrix=matrix, span=span
    )
    with Clip(path) as clip:
        for (_, image), colour in zip(clip.frames(), colours, strict=True):
            assert np.abs(image[24, 32].astype(int) - colour).max() <= 3


@pytest.mark.parametrize(("height", "matrix"), [(480, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_untagged_colours_follow_the_size(tmp_path, height, matrix):
    """Without tags, small videos are BT.601 and large ones BT.709, as players take them."""
    image = plain(64, height, RED)
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
        format="yuv444p",
        dst_colorspace=matrix,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
    )
    frame.colorspace, frame.color_range, frame.pts = 2, 0, 0
    path = tmp_path / "untagged.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv444p"
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with Clip(path) as clip:
        _, decoded = next(clip.frames())
    assert np.abs(decoded[20, 20].astype(int) - RED).max() <= 3


def test_ten_bit_video_is_read(tmp_path):
    """More than eight bits are rounded."""
    path = make_video(
        tmp_path / "ten.mkv", [plain(64, 48, SKIN)] * 2, codec="ffv1", pix_fmt="yuv420p10le"
    )
    with Clip(path) as clip:
        _, image = next(clip.frames())
    assert np.abs(image[24, 32].astype(int) - SKIN).max() <= 3


def test_odd_sizes_are_read(tmp_path):
    """A width or height that is odd stays."""
    path = make_video(tmp_path / "odd.mkv", [plain(63, 47, SKIN)], codec="ffv1", pix_fmt="yuv444p")
    with Clip(path) as clip:
        assert (clip.info.width, clip.info.height) == (63, 47)
        assert next(clip.frames())[1].shape == (47, 63, 3)


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(4, 3), (96, 48)), (Fraction(1, 2), (72, 96))]
)
def test_pixels_become_square(tmp_path, aspect, size):
    """Anamorphic video is stretched to the shape in which it is meant to be seen."""
    path = make_video(tmp_path / "sar.mp4", [plain(72, 48, SKIN)] * 2, aspect=aspect)
    with Clip(path) as clip:
        assert (clip.info.width, clip.info.height) == size
        assert next(clip.frames())[1].shape == (size[1], size[0], 3)


def test_sound_is_noticed(tmp_path):
    """`has_audio` says whether there is sound to take along."""
    with Clip(make_counted(tmp_path / "loud.mp4", audio="aac")) as clip:
        assert clip.info.has_audio
    with Clip(make_counted(tmp_path / "silent.mp4")) as clip:
        assert not clip.info.has_audio


def test_info_tells_rate_and_length(tmp_path):
    """Rate, length and number of frames are those of the window."""
    path = make_counted(tmp_path / "a.mp4", 20)
    with Clip(path) as clip:
        assert (clip.info.fps, clip.info.frames) == (25.0, 20)
        assert clip.info.duration_s == pytest.approx(0.8)
    with Clip(path, 0.2, 0.4) as clip:
        assert clip.info.frames == len(list(clip.frames())) == 10


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
def test_a_window_begins_and_ends_where_it_should(tmp_path, ending):
    """Times count from the window's first frame, in every container."""
    path = make_counted(tmp_path / f"a.{ending}", 24, options={"g": "5", "bf": "2"})
    assert read(path, 0.48, 0.2) == [(0, 12), (40, 13), (80, 14), (120, 15), (160, 16)]
    assert [count for _, count in read(path, 0.8)] == [20, 21, 22, 23]
    assert [count for _, count in read(path)] == list(range(24))


def test_a_clock_that_jumps_back_goes_on(tmp_path):
    """Joined recordings play on; nothing is lost and no instant comes twice."""
    path = tmp_path / "joined.ts"
    parts = [make_counted(tmp_path / f"{i}.ts", 40, options={"bf": "0"}) for i in range(2)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    times = [at for at, _ in read(path)]
    assert len(times) >= 78
    assert times == sorted(set(times))


def test_a_file_cut_off_is_read_as_far_as_it_goes(tmp_path):
    """What can be decoded before the cut is delivered."""
    path = make_video(
        tmp_path / "cut.mp4",
        [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(40)],
        movflags="faststart",
    )
    with Clip(truncated(path, 0.5)) as clip:
        assert 5 < len(list(clip.frames())) < 35


def test_damaged_frames_are_left_out(tmp_path):
    """Rubbish in the middle costs frames, never the clip; the same ones on each pass."""
    noise = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(40)]
    path = make_video(tmp_path / "bad.mkv", noise, options={"g": "5"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    with Clip(path) as clip:
        first, second = ([at_ns for at_ns, _ in clip.frames()] for _ in range(2))
    assert 20 < len(first) <= 40
    assert first == second


def test_memory_stays_flat(tmp_path):
    """Reading holds a few frames, however long the clip is."""
    path = make_video(tmp_path / "long.mp4", [counted(i % 20, 320, 240) for i in range(120)])
    with Clip(path) as clip:
        tracemalloc.start()
        for _ in clip.frames():
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10 * 320 * 240 * 3


def test_a_clip_is_read_inside_its_block(tmp_path):
    """Outside `with` there is no file."""
    with pytest.raises(ValueError, match="with"):
        _ = Clip(make_counted(tmp_path / "a.mp4")).info


def test_missing_paths_and_folders_are_named(tmp_path):
    """A path that is no file is said to be none."""
    assert "no such file" in complaint(tmp_path / "none.mp4")
    assert "not a file" in complaint(tmp_path)


def test_what_is_no_video_is_refused(tmp_path):
    """Text, whatever its name, an empty file, a playlist."""
    for name in ("a.mp4", "a.txt", "a.mkv"):
        path = tmp_path / name
        path.write_text("hello, world\n" * 1000)
        assert "not a video" in complaint(path)
    (tmp_path / "a.mp4").write_bytes(b"")
    assert "empty" in complaint(tmp_path / "a.mp4")
    make_counted(tmp_path / "real.mp4")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nreal.mp4\n#EXT-X-ENDLIST\n")
    assert "not a video" in complaint(playlist)


def test_a_head_without_a_body_is_refused(tmp_path):
    """A file whose index is cut away cannot be read at all."""
    assert "cut off" in complaint(truncated(make_counted(tmp_path / "a.mp4"), 0.3))


def test_sound_without_video_is_refused(tmp_path):
    """A recording of sound shows no face; nor does its cover."""
    assert "no video" in complaint(make_sound(tmp_path / "a.wav"))


def test_windows_outside_the_clip_are_refused(tmp_path):
    """A start beyond the end names both; a negative one is no window."""
    path = make_counted(tmp_path / "a.mp4", 10)
    assert "at 5 s, the video lasts 0.4 s" in complaint(path, 5.0)
    assert "no frame at 1e+300 s" in complaint(path, 1e300)
    nan, inf = float("nan"), float("inf")
    for window in ((-1.0,), (nan,), (inf,), (0.0, 0.0), (0.0, -2.0), (0.0, nan), (0.0, inf)):
        assert "start" in complaint(path, *window)


def test_huge_frames_are_refused_before_they_are_decoded(tmp_path):
    """A frame beyond the limit is not read."""
    path = make_video(
        tmp_path / "huge.mkv", [np.zeros((16, 8208, 3), np.uint8)], codec="ffv1", pix_fmt="gray"
    )
    assert "8208 x 16" in complaint(path)


def test_names_like_addresses_are_files(tmp_path, monkeypatch):
    """A file whose name looks like a protocol is opened as the file it is."""
    monkeypatch.chdir(tmp_path)
    make_counted(tmp_path / "a.mp4", 3).rename(tmp_path / "http:a%03d.mp4")
    assert len(read(Path("http:a%03d.mp4"))) == 3
