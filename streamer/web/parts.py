"""What the answers are made from, and of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from streamer.web.access import Access
from streamer.web.ice import IceServer, ice_servers
from streamer.web.models import Shown
from streamer.web.page import PageFile
from streamer.web.portraits import Catalogue, Entry
from streamer.web.sessions import Sessions
from streamer.web.threads import Threads
from streamer.web.uploads import Uploads
from streamer.web.visitors import COOKIE, Visitor, Visitors


@dataclass(frozen=True, slots=True)
class Parts:
    """What the answers are made from."""

    version: str
    access: Access
    sessions: Sessions
    visitors: Visitors
    catalogue: Catalogue
    uploads: Uploads
    threads: Threads
    page: Mapping[str, PageFile]
    kept: Path
    """Where portraits are saved for good."""
    secure: bool
    """Whether it speaks HTTPS."""

    def ice_servers(self) -> Sequence[IceServer]:
        """For one client, from now on."""
        return ice_servers(self.sessions.web)


def shown(entry: Entry, visitor: Visitor | None) -> Shown:
    """A portrait as the visitor sees it."""
    return Shown(
        name=entry.name,
        title=entry.title,
        thumbnail=f"/api/portraits/{entry.name}/thumbnail",
        own=visitor is not None and entry.owner == visitor.name,
        state=entry.state,
        step=entry.step,
        message=entry.message,
        quality=entry.quality,
        advice=entry.advice,
    )


def with_cookie(answer: web.Response, visitor: Visitor, *, secure: bool) -> web.Response:
    """The answer, by which a browser is known from now on."""
    answer.set_cookie(
        *(COOKIE, visitor.name), httponly=True, samesite="Strict", secure=secure, path="/"
    )
    return answer


def json_of(body: bytes, status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=body, status=status, content_type="application/json")
