"""What the server answers about portraits: one method for each operation, of its name."""

from aiohttp import web

from streamer.web.models import Named, as_json
from streamer.web.parts import Parts, json_of, shown, with_cookie
from streamer.web.portraits import Entry
from streamer.web.receive import upload_of
from streamer.web.refusal import Refusal
from streamer.web.visitors import COOKIE, Visitor


class PortraitAnswers:
    """The portraits that visitors bring, and all small pictures."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._web = parts.sessions.web

    async def upload(self, request: web.Request) -> web.Response:
        """Take a picture, and begin to make a portrait of it."""
        if not self._web.uploads:
            raise Refusal(403, "uploads", "this server takes no pictures")
        upload = await upload_of(request, self._web.upload_mb * 1_000_000)
        visitor = self._parts.visitors.welcome(request.cookies.get(COOKIE))
        name = self._parts.uploads.accept(visitor, upload)
        answer = json_of(as_json(Named(name=name)), 202)
        answer.headers["Location"] = f"/api/portraits/{name}"
        return with_cookie(answer, visitor, secure=self._parts.secure)

    async def portrait(self, request: web.Request) -> web.Response:
        """How far one is."""
        visitor, entry = self._entry(request)
        return json_of(as_json(shown(entry, visitor)))

    async def forget(self, request: web.Request) -> web.Response:
        """Delete one that the visitor brought."""
        visitor, entry = self._own(request)
        visitor.brought.discard(entry.name)
        self._parts.uploads.delete(entry.name)
        self._parts.sessions.withdraw_portrait(entry.name)
        return web.Response(status=204)

    async def keep(self, request: web.Request) -> web.Response:
        """Save one for good; for the owner, on loopback."""
        visitor, entry = self._own(request)
        if not self._parts.access.loopback:
            raise Refusal(403, "keep", "portraits are saved by the server's owner, on loopback")
        if entry.state != "ready":
            raise Refusal(409, "state", "this portrait is not ready yet")
        await self._parts.uploads.keep(visitor, entry, self._parts.kept)
        _, kept = self._entry(request)
        return json_of(as_json(shown(kept, visitor)))

    async def thumbnail(self, request: web.Request) -> web.Response:
        """A small picture of the head."""
        _, entry = self._entry(request)
        if entry.state != "ready":
            raise Refusal(404, "state", "this portrait is not ready yet")
        jpeg = await self._parts.threads.call(self._parts.catalogue.thumbnail, entry.name)
        headers = {"Cache-Control": "private, max-age=3600"}
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)

    def _entry(self, request: web.Request) -> tuple[Visitor | None, Entry]:
        visitor = self._parts.visitors.find(request.cookies.get(COOKIE))
        seen_by = None if visitor is None else visitor.name
        entry = self._parts.catalogue.find(request.match_info["name"], seen_by)
        if entry is None:
            raise Refusal(404, "portrait", "there is no such portrait; it may have been deleted")
        return visitor, entry

    def _own(self, request: web.Request) -> tuple[Visitor, Entry]:
        """One that this visitor brought; the owner's are not theirs to touch."""
        visitor, entry = self._entry(request)
        if visitor is None or entry.owner != visitor.name:
            raise Refusal(403, "portrait", "only a portrait that you brought can be changed")
        return visitor, entry
