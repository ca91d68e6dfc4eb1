"""What an uploaded file is and how large its picture, from its first bytes: nothing is decoded."""

import struct
from collections.abc import Callable
from typing import Literal

from streamer.web.refusal import Refusal

Kind = Literal["jpeg", "png", "webp"]

MAX_SIDE = 10_000
MAX_PIXELS = 50_000_000
"""A picture may have so many: the largest of telephones and cameras have fewer."""

_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_USE = "use a JPEG, PNG or WebP file"
_OTHERS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"%PDF", "a PDF"),
    (b"GIF8", "a GIF"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"BM", "a BMP"),
    (b"<", "text"),
    (b"\x1a\x45\xdf\xa3", "a video"),
)
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""JPEG markers that begin a frame, and so tell its size."""
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""JPEG markers without a length."""


def check_picture(data: bytes) -> Kind:
    """Which kind it is; Refusal when it is none we take, cut off at its head, or too large."""
    kind = _kind(data)
    size = _SIZES[kind](data)
    if size is None:
        raise Refusal(400, "damaged", f"the picture is damaged or cut off; {_USE} that is whole")
    width, height = size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise Refusal(
            *(413, "pixels"),
            f"a picture of {width} x {height} px is too large; reduce it to at most"
            f" {MAX_SIDE} px a side and {MAX_PIXELS // 1_000_000} megapixels",
        )
    return kind


def _kind(data: bytes) -> Kind:
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if not data:
        raise Refusal(400, "empty", f"the file is empty; {_USE}")
    if data[4:8] == b"ftyp":
        what = "HEIC" if data[8:12] in _HEIC else "a video or another kind of picture"
        raise Refusal(415, "kind", f"this is {what}; export it as JPEG")
    found = (what for magic, what in _OTHERS if data.startswith(magic))
    raise Refusal(415, "kind", f"this is {next(found, 'no picture')}; {_USE}")


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 33 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return _possible(width, height)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Of the first frame: from marker to marker, over what lies between."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return _possible(width, height)
        length = struct.unpack_from(">H", data, at + 2)[0]
        if length < 2 or marker == 0xDA:
            return None
        at += 2 + length
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            width = 1 + int.from_bytes(data[24:27], "little")
            height = 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = (v & 0x3FFF for v in struct.unpack_from("<HH", data, 26))
        case _:
            return None
    return _possible(width, height)


def _possible(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if width and height else None


_SIZES: dict[Kind, Callable[[bytes], tuple[int, int] | None]] = {
    "jpeg": _jpeg_size,
    "png": _png_size,
    "webp": _webp_size,
}
