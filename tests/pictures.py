"""Pictures as people and attackers upload them."""

import io
import struct
import zlib

import aiohttp
from PIL import Image as Pillow


def picture(kind="JPEG", size=(320, 240), **options):
    """A plain picture."""
    buffer = io.BytesIO()
    Pillow.new("RGB", size, (90, 120, 150)).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width, height, body=b""):
    """A PNG that says it is so large."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def form(data, consent="yes", **fields):
    """An upload's body."""
    body = aiohttp.FormData(default_to_multipart=True)
    if consent is not None:
        body.add_field("consent", consent)
    for name, value in fields.items():
        body.add_field(name, value)
    if data is not None:
        body.add_field("file", io.BytesIO(data), filename="holiday.jpg", content_type="image/jpeg")
    return body
