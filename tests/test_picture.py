"""Pictures of every kind, good and bad."""

import contextlib
import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from streamer.errors import MediaError
from streamer.picture import read_picture, write_png
from tests.media import BLUE, GREEN, RED, SKIN, WHITE, plain, quarters, truncated


def saved(path, image, **options):
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(path, **options)
    return path


def close(image, colour, tolerance=3):
    return np.abs(image[2, 2].astype(int) - colour).max() <= tolerance


def complaint(path):
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tiff", "gif", "ppm"])
def test_pictures_of_each_kind_are_rgb(tmp_path, ending):
    """Whatever the file's kind, the image is (H, W, 3) bytes, contiguous and the caller's own."""
    image = read_picture(saved(tmp_path / f"a.{ending}", plain(40, 30, SKIN)))
    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable
    assert close(image, SKIN)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, ending, orientation):
    """A picture that lies on its side or is mirrored comes upright."""
    undo = {
        1: lambda p: p,
        2: lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda p: p.transpose(Image.Transpose.ROTATE_180),
        4: lambda p: p.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda p: p.transpose(Image.Transpose.TRANSPOSE),
        6: lambda p: p.transpose(Image.Transpose.ROTATE_90),
        7: lambda p: p.transpose(Image.Transpose.TRANSVERSE),
        8: lambda p: p.transpose(Image.Transpose.ROTATE_270),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = undo[orientation](Image.fromarray(quarters(64, 48)))
    image = read_picture(saved(tmp_path / f"a.{ending}", lying, exif=exif, quality=95))
    assert image.shape == (48, 64, 3)
    for (y, x), colour in (((6, 8), RED), ((6, 56), GREEN), ((40, 8), BLUE), ((40, 56), WHITE)):
        assert np.abs(image[y, x].astype(int) - colour).max() < 12


def test_transparency_becomes_neutral_grey(tmp_path):
    """Alpha of each sort: full colour, grey, palette, one transparent colour."""
    clear = np.dstack([plain(20, 20, RED), np.zeros((20, 20), np.uint8)])
    half = np.dstack([plain(20, 20, WHITE), np.full((20, 20), 128, np.uint8)])
    grey = Image.fromarray(clear).convert("LA")
    palette = Image.fromarray(plain(20, 20, RED)).quantize(4)
    assert close(read_picture(saved(tmp_path / "a.png", clear)), (128,) * 3)
    assert close(read_picture(saved(tmp_path / "b.png", half)), (192,) * 3)
    assert close(read_picture(saved(tmp_path / "c.png", grey)), (128,) * 3)
    see_through = saved(tmp_path / "d.png", palette, transparency=palette.getpixel((2, 2)))
    assert close(read_picture(see_through), (128,) * 3)
    key = saved(tmp_path / "e.png", plain(20, 20, RED), transparency=RED)
    assert close(read_picture(key), (128,) * 3)


def test_grey_is_read(tmp_path):
    """Grey of one, eight and sixteen bits."""
    level = np.full((20, 20), 100, np.uint8)
    assert close(read_picture(saved(tmp_path / "a.jpg", level)), (100,) * 3)
    assert close(read_picture(saved(tmp_path / "b.png", level.astype(np.uint16) * 257)), (100,) * 3)
    dark = np.full((20, 20), 200, np.uint16)
    assert close(read_picture(saved(tmp_path / "c.png", dark)), (1,) * 3)
    assert close(
        read_picture(saved(tmp_path / "d.tiff", level.astype(np.float32) / 255)), (100,) * 3
    )
    ones = Image.fromarray(np.full((20, 20), 255, np.uint8)).convert("1")
    assert close(read_picture(saved(tmp_path / "e.png", ones)), WHITE)


def test_cmyk_is_read(tmp_path):
    """A picture meant for print gets its colours back."""
    picture = Image.fromarray(plain(40, 30, SKIN)).convert("CMYK")
    assert close(read_picture(saved(tmp_path / "a.jpg", picture, quality=95)), SKIN, 12)
    assert close(read_picture(saved(tmp_path / "a.tiff", picture)), SKIN, 6)


def test_a_colour_profile_does_no_harm(tmp_path):
    """sRGB stays as it is; a profile that is broken or does not fit is left aside."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in (("a", srgb), ("b", b"rubbish"), ("c", lab)):
        path = saved(tmp_path / f"{name}.png", plain(20, 20, SKIN), icc_profile=profile)
        image = read_picture(path)
        assert image.shape == (20, 20, 3)
        assert name == "c" or close(image, SKIN)


def test_the_first_picture_of_several_is_taken(tmp_path):
    """Animations give their first frame."""
    frames = [Image.fromarray(plain(40, 30, colour)) for colour in (RED, GREEN, BLUE)]
    for ending in ("gif", "webp", "png"):
        path = tmp_path / f"a.{ending}"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
        assert close(read_picture(path), RED, 8)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_large_pictures_are_reduced(tmp_path, ending):
    """The long side is at most what is asked for; small pictures stay as they are."""
    path = saved(tmp_path / f"a.{ending}", plain(3000, 2000, SKIN))
    assert read_picture(path).shape == (1365, 2048, 3)
    small = read_picture(path, long_side=600)
    assert small.shape == (400, 600, 3)
    assert close(small, SKIN)
    assert read_picture(saved(tmp_path / f"b.{ending}", plain(200, 150, SKIN))).shape == (
        150,
        200,
        3,
    )


def test_pictures_beyond_the_limit_are_refused_unread(tmp_path):
    """20,000 px is too much, and known from the file's head alone."""
    for ending, size in (("png", (20000, 20000)), ("png", (20000, 100)), ("jpg", (20000, 10))):
        path = tmp_path / f"{size[1]}.{ending}"
        Image.new("1" if ending == "png" else "L", size).save(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text = complaint(path)
        assert "too large" in text
        assert "10000 px" in text


def test_what_is_missing_is_named(tmp_path):
    """A missing file, a folder, an empty file."""
    assert "no such file" in complaint(tmp_path / "none.jpg")
    assert "not a file" in complaint(tmp_path)
    (tmp_path / "a.jpg").touch()
    assert "empty" in complaint(tmp_path / "a.jpg")


def test_what_is_no_picture_is_refused(tmp_path):
    """Text, HEIC (with advice), and kinds that would start another program."""
    path = tmp_path / "a.jpg"
    path.write_text("hello, world\n" * 100)
    assert "not a picture" in complaint(path)
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    assert "JPEG" in complaint(path)
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    assert "not a picture" in complaint(path)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
def test_a_file_cut_off_is_refused(tmp_path, ending):
    """Half a picture is none."""
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
    path = truncated(saved(tmp_path / f"a.{ending}", noise), 0.5)
    assert "a." in complaint(path)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff", "gif", "bmp"])
def test_damaged_files_never_surprise(tmp_path, ending):
    """Random bytes in a file give a picture or a MediaError, nothing else."""
    rng = np.random.default_rng(1)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if ending in ("jpg", "png", "webp", "tiff") else {}
    good = saved(tmp_path / f"a.{ending}", quarters(32, 24), **options).read_bytes()
    path = tmp_path / f"b.{ending}"
    for _ in range(60):
        data = bytearray(good)
        for at in rng.integers(0, len(data), 6):
            data[at] = rng.integers(0, 256)
        path.write_bytes(data)
        with contextlib.suppress(MediaError):
            assert read_picture(path).ndim == 3


def test_a_png_is_written_whole(tmp_path):
    """What was written comes back, and nothing else is left."""
    path = tmp_path / "a.png"
    write_png(path, quarters(64, 48))
    assert np.array_equal(read_picture(path), quarters(64, 48))
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(MediaError, match="there is no folder"):
        write_png(tmp_path / "none" / "a.png", quarters(64, 48))


def test_a_picture_in_memory_format_is_kept_exact(tmp_path):
    """Without loss in the file, there is none in the image."""
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format="PNG")
    path = tmp_path / "a.bin"
    path.write_bytes(buffer.getvalue())
    assert np.array_equal(read_picture(path), noise)
