"""Requests' bodies: no larger and no slower than they may be."""

import asyncio
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from streamer.web.refusal import Refusal
from streamer.web.uploads import Upload

_BODY_S, _UPLOAD_S = 10.0, 120.0
_CHUNK = 64 * 1024
_PARTS = 8
_LONGEST_FIELD = 1024
_SLACK = 64 * 1024
"""What else than the file an upload has: its other fields, and what lies between."""
_MALFORMED = (ValueError, AssertionError, LookupError, RuntimeError, TypeError, HttpProcessingError)
"""What the library raises over forms that it cannot read."""
_NO_FORM = "send the picture as multipart/form-data with the fields file and consent"


async def body_of(request: web.Request, largest: int) -> bytes:
    """The whole body; Refusal when it is larger, or comes too slowly."""
    _check(request, largest)
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.content.iter_chunked(_CHUNK):
                data += chunk
                if len(data) > largest:
                    raise _too_large(largest)
    except TimeoutError:
        raise _too_slow() from None
    return bytes(data)


async def upload_of(request: web.Request, largest: int) -> Upload:
    """The picture and its title. Refusal without consent, or when the request is not as it must be.

    Nothing is written anywhere.
    """
    _check(request, largest + _SLACK)
    if request.content_type != "multipart/form-data":
        raise Refusal(415, "form", _NO_FORM)
    try:
        async with asyncio.timeout(_UPLOAD_S):
            fields = await _fields(request, largest)
    except TimeoutError:
        raise _too_slow() from None
    except _MALFORMED:
        raise Refusal(400, "form", f"the form cannot be read; {_NO_FORM}") from None
    if fields.get("consent") != b"yes":
        raise Refusal(
            *(422, "consent"),
            "say that you may use this picture: the field consent must be yes",
        )
    if "file" not in fields:
        raise Refusal(400, "file", f"no picture came; {_NO_FORM}")
    return Upload(fields["file"], fields.get("name", b"").decode("utf-8", "replace"))


async def _fields(request: web.Request, largest: int) -> dict[str, bytes]:
    reader: Any = await request.multipart()
    fields: dict[str, bytes] = {}
    for _ in range(_PARTS):
        part = await reader.next()
        if part is None:
            return fields
        if not isinstance(part, BodyPartReader):
            raise TypeError("parts in parts")
        limit = largest if part.name == "file" else _LONGEST_FIELD
        fields[part.name or ""] = await _part(part, limit)
    raise ValueError("too many parts")


async def _part(part: BodyPartReader, largest: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > largest:
            raise _too_large(largest)
    return bytes(data)


def _check(request: web.Request, largest: int) -> None:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refusal(415, "encoding", "send it without Content-Encoding")
    if (request.content_length or 0) > largest:
        raise _too_large(largest)


def _too_large(largest: int) -> Refusal:
    size = f"{largest / 1e6:.0f} MB" if largest >= 1_000_000 else f"{largest // 1024} KiB"
    return Refusal(413, "size", f"this is too large; at most {size} are taken")


def _too_slow() -> Refusal:
    return Refusal(408, "slow", "the request came too slowly; try again")
