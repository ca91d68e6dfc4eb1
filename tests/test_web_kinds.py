"""What an uploaded file is, told by its first bytes."""

import os

import numpy as np
import pytest

from streamer.web.kinds import check_picture
from streamer.web.refusal import Refusal
from tests.pictures import picture, png


def code(data):
    """Why it is refused; None when it is taken."""
    try:
        check_picture(data)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_known_by_their_first_bytes(kind):
    """Whatever they are called; also with much before the picture, and lossless."""
    assert check_picture(picture(kind)) == kind.lower()
    assert check_picture(picture("JPEG", exif=b"Exif\0\0" + bytes(60_000))) == "jpeg"
    assert check_picture(picture("JPEG", progressive=True)) == "jpeg"
    assert check_picture(picture("WEBP", lossless=True)) == "webp"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(100), "kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "kind"),
        (b"%PDF-1.7", "kind"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "kind"),
        (picture("GIF"), "kind"),
        (picture("TIFF"), "kind"),
        (os.urandom(1000), "kind"),
        (png(30_000, 30_000), "pixels"),
        (png(30_000, 1), "pixels"),
        (png(9_000, 9_000), "pixels"),
        (png(0, 10), "damaged"),
        (picture("PNG")[:20], "damaged"),
        (picture("JPEG")[:30], "damaged"),
        (picture("WEBP")[:20], "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x01" + bytes(50), "damaged"),
        (b"\xff\xd8" + b"\xff" * 100_000, "damaged"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused_before_decoding(data, why):
    """The sentence says what to do."""
    assert code(data) == why


def test_heic_is_named():
    """What telephones make; they can make JPEG, too."""
    with pytest.raises(Refusal, match="HEIC; export it as JPEG"):
        check_picture(b"\0\0\0\x18ftypheic" + bytes(100))


def test_random_heads_never_break_the_check():
    """A thousand mutations are taken or refused, and nothing else."""
    dice = np.random.default_rng(0)
    seeds = [picture(kind) for kind in ("JPEG", "PNG", "WEBP")]
    for i in range(1000):
        data = bytearray(seeds[i % 3][: dice.integers(1, 600)])
        for _ in range(dice.integers(0, 8)):
            data[dice.integers(len(data))] = dice.integers(256)
        code(bytes(data))
