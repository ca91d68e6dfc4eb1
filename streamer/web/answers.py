"""What the server answers: one method for each operation, of its name."""

import asyncio
import json
from collections.abc import Mapping
from functools import cache

from aiohttp import web

from streamer.api.edits import advice
from streamer.config import GainsConfig
from streamer.control import BACKGROUNDS, Controls, by_name
from streamer.web.document import OPERATIONS, document
from streamer.web.exposition import exposition
from streamer.web.models import (
    OWN_COMMANDS,
    CommandHelp,
    Health,
    Offer,
    Opened,
    Setup,
    Viewing,
    Views,
    Watched,
    as_json,
    parsed,
)
from streamer.web.parts import Parts, json_of, shown, with_cookie
from streamer.web.receive import body_of
from streamer.web.refusal import Refusal
from streamer.web.session import Session
from streamer.web.visitors import COOKIE, Visitor

KEY = "X-Session-Key"
CONSENT = (
    "I am the person in this picture, or this person allows me to move it; or it is an artwork"
    " that may be used so."
)
BACKDROP_NOTE = (
    "This is what is behind the portrait. What is behind you is never shown: your camera's picture"
    " is used to see how you move, and not kept."
)
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_LARGEST = {operation.name: operation.largest for operation in OPERATIONS}


class Answers:
    """The page, sessions, and what programs ask for."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sessions = parts.sessions
        self._web = parts.sessions.web
        self._document = b""

    async def page(self, request: web.Request) -> web.Response:
        """The page."""
        return self._file(request, "index.html")

    async def clean(self, request: web.Request) -> web.Response:
        """Only the portrait, for other programs to take up."""
        return self._file(request, "clean.html")

    async def static(self, request: web.Request) -> web.Response:
        """A part of the page."""
        return self._file(request, request.match_info["file"])

    async def health(self, _: web.Request) -> web.Response:
        """Whether it works, for whoever watches over it."""
        sessions = self._sessions
        state = "draining" if sessions.draining else "ok"
        health = Health(status=state, sessions=sessions.open, max_sessions=self._web.max_sessions)
        return json_of(as_json(health), 503 if sessions.draining else 200)

    async def setup(self, request: web.Request) -> web.Response:
        """What a page needs before it starts; the visitor is known from now on."""
        parts, visitor = self._parts, self._welcome(request)
        config = self._sessions.config
        there = [b for b in BACKGROUNDS if b != "image" or config.generator.image is not None]
        setup = Setup(
            version=parts.version,
            portraits=[shown(entry, visitor) for entry in parts.catalogue.seen_by(visitor.name)],
            backgrounds=tuple(there),
            ice_servers=list(parts.ice_servers()),
            max_upload_bytes=self._web.upload_mb * 1_000_000 if self._web.uploads else 0,
            consent_text=CONSENT,
            backdrop_note=BACKDROP_NOTE,
            commands=[CommandHelp(name=c.name, help=c.help) for c in OWN_COMMANDS],
            gains=_gains(),
            controls=_plain(self._sessions.begin.controls(visitor)),
            may_keep=parts.access.loopback,
            size=self._web.size,
        )
        return with_cookie(json_of(as_json(setup)), visitor, secure=parts.secure)

    async def begin(self, request: web.Request) -> web.Response:
        """A session for an offer."""
        offer: Offer = parsed(Offer, await body_of(request, _LARGEST["begin"]))
        visitor = self._welcome(request)
        session, answer = await self._sessions.open_session(
            offer.sdp, offer.codec, offer.controls, visitor, request.remote or ""
        )
        opened = Opened(id=session.id, key=session.key, sdp=answer)
        answered = json_of(as_json(opened), 201)
        answered.headers["Location"] = f"/api/sessions/{session.id}"
        return with_cookie(answered, visitor, secure=self._parts.secure)

    async def status(self, request: web.Request) -> web.Response:
        """How a session does."""
        return json_of(as_json(self._session(request).status(self._sessions.open)))

    async def end(self, request: web.Request) -> web.Response:
        """The visitor ends it."""
        self._session(request).end("left")
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        """The page is closed: what a beacon can send."""
        return await self.end(request)

    async def change(self, request: web.Request) -> web.Response:
        """Set controls of a session."""
        session = self._session(request)
        body = await body_of(request, _LARGEST["change"])
        return json_of(as_json(_plain(self._sessions.begin.edit(session.desk, body))))

    async def command(self, request: web.Request) -> web.Response:
        """One of the commands."""
        session, name = self._session(request), request.match_info["command"]
        known = tuple(command.name for command in OWN_COMMANDS)
        if name not in known:
            raise Refusal(404, "command", advice(name, known))
        return json_of(as_json(_plain(session.desk.edit(by_name()[name].edit))))

    async def views(self, request: web.Request) -> web.Response:
        """What somebody needs who only watches."""
        self._session(request)
        return json_of(as_json(Views(ice_servers=list(self._parts.ice_servers()))))

    async def watch(self, request: web.Request) -> web.Response:
        """Somebody who only watches."""
        session = self._session(request)
        offer: Viewing = parsed(Viewing, await body_of(request, _LARGEST["watch"]))
        _, answer = await self._sessions.watch(session, offer.sdp)
        return json_of(as_json(Watched(sdp=answer)), 201)

    async def document(self, request: web.Request) -> web.Response:
        """The interface as OpenAPI."""
        if not self._document:
            described = await asyncio.to_thread(document, str(request.url.origin()))
            self._document = json.dumps(described).encode()
        return json_of(self._document)

    async def metrics(self, _: web.Request) -> web.Response:
        """Figures for Prometheus."""
        text = exposition(self._sessions, self._parts.version)
        return web.Response(body=text, headers={"Content-Type": _METRICS})

    def _file(self, request: web.Request, name: str) -> web.Response:
        file = self._parts.page.get(name)
        if file is None:
            raise Refusal(404, "file", "there is no such file; GET / is the page")
        headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == file.tag:
            return web.Response(status=304, headers=headers)
        text = file.content_type.startswith("text/")
        return web.Response(
            body=file.body,
            headers=headers,
            content_type=file.content_type,
            charset="utf-8" if text else None,
        )

    def _session(self, request: web.Request) -> Session:
        key = request.headers.get(KEY) or request.query.get("key", "")
        return self._sessions.find(request.match_info["id"], key)

    def _welcome(self, request: web.Request) -> Visitor:
        return self._parts.visitors.welcome(request.cookies.get(COOKIE))


@cache
def _gains() -> Mapping[str, tuple[float, float, float]]:
    """Bounds and usual value of each, from the settings' own."""
    schema = GainsConfig.model_json_schema()["properties"]
    return {
        name: (float(s["minimum"]), float(s["maximum"]), float(s["default"]))
        for name, s in schema.items()
    }


def _plain(controls: Controls) -> dict[str, object]:
    """The controls that are a page's business."""
    return {
        "portrait": controls.portrait,
        "gains": controls.gains.model_dump(),
        "mirror": controls.mirror,
        "background": controls.background,
        "idle": controls.idle,
        "panic": controls.panic,
    }
