"""The files of the page, read once: what is not among them does not exist."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".json": "application/json",
}
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, as it is sent."""

    body: bytes
    content_type: str
    tag: str
    """changes with the body"""


def read_page() -> Mapping[str, PageFile]:
    """All files of the page by their names, as `icons/start.svg`; none when not installed."""
    return _read(files("streamer.web").joinpath("page"), "", _DEPTH)


def _read(folder: Traversable, before: str, depth: int) -> dict[str, PageFile]:
    found: dict[str, PageFile] = {}
    if not folder.is_dir() or not depth:
        return found
    for item in folder.iterdir():
        name = before + item.name
        if item.is_dir():
            found |= _read(item, f"{name}/", depth - 1)
        elif not item.name.startswith((".", "__")):
            body = item.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:16]
            found[name] = PageFile(body, _type_of(item.name), f'"{digest}"')
    return found


def _type_of(name: str) -> str:
    end = name[name.rfind(".") :].lower() if "." in name else ""
    return _TYPES.get(end) or mimetypes.guess_type(name)[0] or "application/octet-stream"
