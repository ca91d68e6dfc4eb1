"""The preview of a run that has no virtual camera: a page on this computer that only shows it."""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from aiohttp import web

from streamer.frame import Image
from streamer.pipeline import Stages
from streamer.stages import Sink
from streamer.web.access import Access, same
from streamer.web.answers import KEY
from streamer.web.door import Doors, DoorSite
from streamer.web.guard import asked_of, guard, runner_of
from streamer.web.models import LONGEST_SDP, Viewing, Views, Watched, as_json, parsed
from streamer.web.page import PageFile, read_page
from streamer.web.parts import json_of
from streamer.web.peer import MediaSettings, Peer, PeerError, PeerSink
from streamer.web.receive import body_of
from streamer.web.refusal import Refusal
from streamer.webconfig import WebConfig

_HOST = "127.0.0.1"
_NAME = "preview"
_START_S = 10.0
_CLOSE_S = 10.0
_FIRST_S = 10.0
"""A viewer waits so long for the first picture."""
_VIEWERS = 4


@dataclass(frozen=True, slots=True)
class Preview:
    """The page, and how a run's pictures get there."""

    url: str
    """With the key: whoever has it can watch."""
    change: Callable[[Stages], Stages]
    """To be given to `open_live`: shows its pictures on the page as well."""


@contextlib.contextmanager
def open_preview(config: WebConfig, fps: int) -> Generator[Preview]:
    """The page is there within the block, on a thread and a loop of its own."""
    started: Future[_Room] = Future()
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(config, fps, started)), name="preview"
    )
    thread.start()
    room = started.result(_START_S)
    try:
        yield Preview(room.url, lambda stages: replace(stages, sink=_Both(stages.sink, room.send)))
    finally:
        room.close()
        thread.join(_CLOSE_S)


class _Both:
    """A sink whose pictures are also shown on the page."""

    def __init__(self, sink: Sink, also: Callable[[Image], None]) -> None:
        self._sink = sink
        self._also = also

    @property
    def label(self) -> str:
        """The first one's."""
        return self._sink.label

    def send(self, image: Image) -> None:
        """To both; the page never holds it up."""
        self._also(image)
        self._sink.send(image)


class _Room:
    """Those who watch. Belongs to its loop, except `send` and `close`."""

    def __init__(self, config: WebConfig, fps: int) -> None:
        self.url = ""
        self.key = secrets.token_urlsafe(24)
        self.over = asyncio.Event()
        self._config = config
        self._fps = fps
        self._loop = asyncio.get_running_loop()
        self._first = asyncio.Event()
        self._sink: PeerSink | None = None
        self._viewers: set[Peer] = set()

    def send(self, image: Image) -> None:
        """Show a picture. On the thread of the run's sink."""
        if self._sink is None:
            height, width = image.shape[:2]
            self._sink = PeerSink(width, height, self._fps)
            self._wake(self._first)
        self._sink.send(image)

    def close(self) -> None:
        """Let it end. From any thread."""
        self._wake(self.over)

    async def watch(self, sdp: str, group: asyncio.TaskGroup) -> str:
        """The answer for one more who watches."""
        if len(self._viewers) >= _VIEWERS:
            raise Refusal(429, "viewers", f"{_VIEWERS} watch already; close one")
        try:
            async with asyncio.timeout(_FIRST_S):
                await self._first.wait()
        except TimeoutError:
            raise Refusal(503, "picture", "there is no picture yet; try again", 2) from None
        assert self._sink is not None
        viewer = Peer(self._sink, settings=MediaSettings(loopback=True))
        try:
            answer = await viewer.answer(sdp, codec=self._config.codec)
        except PeerError as error:
            raise Refusal(400, "offer", str(error)[:300]) from None
        self._viewers.add(viewer)
        group.create_task(self._until_lost(viewer))
        return answer

    async def _until_lost(self, viewer: Peer) -> None:
        waiting = [asyncio.ensure_future(e.wait()) for e in (viewer.lost, self.over)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waiting:
                wait.cancel()
            self._viewers.discard(viewer)
            await viewer.close()

    def _wake(self, event: asyncio.Event) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(event.set)


async def _serve(config: WebConfig, fps: int, started: "Future[_Room]") -> None:
    """The thread's work: a server of a few routes."""
    try:
        room = _Room(config, fps)
        async with asyncio.TaskGroup() as group:
            runner = runner_of(_app(room, read_page(), group))
            await runner.setup()
            try:
                await DoorSite(runner, (_HOST, 0), None, Doors()).start()
                query = f"session={_NAME}&key={room.key}"
                room.url = f"http://{_HOST}:{runner.addresses[0][1]}/clean?{query}"
                started.set_result(room)
                await room.over.wait()
            finally:
                await runner.cleanup()
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
            return
        raise


def _app(room: _Room, page: Mapping[str, PageFile], group: asyncio.TaskGroup) -> web.Application:
    access = Access(WebConfig(host=_HOST))

    async def clean(_: web.Request) -> web.Response:
        return _file(page, "clean.html")

    async def static(request: web.Request) -> web.Response:
        return _file(page, request.match_info["file"])

    async def views(_: web.Request) -> web.Response:
        return json_of(as_json(Views(ice_servers=[])))  # none leads to this machine alone

    async def view(request: web.Request) -> web.Response:
        _check_key(request, room.key)
        offer: Viewing = parsed(Viewing, await body_of(request, 2 * LONGEST_SDP))
        return json_of(as_json(Watched(sdp=await room.watch(offer.sdp, group))), 201)

    async def whep(request: web.Request) -> web.Response:
        _check_key(request, room.key)
        sdp = (await body_of(request, LONGEST_SDP)).decode("utf-8", "replace")
        answer = await room.watch(sdp, group)
        return web.Response(
            status=201,
            text=answer,
            content_type="application/sdp",
            headers={"Location": f"/whep/{_NAME}"},
        )

    def check(request: web.Request) -> None:
        access.check(asked_of(request), "open" if request.method == "GET" else "key")

    app = web.Application(middlewares=[guard(check, Doors())])
    app.router.add_get("/clean", clean)
    app.router.add_get("/static/{file:.+}", static)
    app.router.add_get(f"/api/sessions/{_NAME}/view", views)
    app.router.add_post(f"/api/sessions/{_NAME}/view", view)
    app.router.add_post("/whep", whep)
    return app


def _check_key(request: web.Request, key: str) -> None:
    given = request.headers.get(KEY) or request.query.get("key") or asked_of(request).token
    if not same(given, key):
        raise Refusal(404, "session", "there is no such session, or this is not its key")


def _file(page: Mapping[str, PageFile], name: str) -> web.Response:
    if (file := page.get(name)) is None:
        raise Refusal(404, "file", "there is no such file")
    charset = "utf-8" if file.content_type.startswith("text/") else None
    return web.Response(body=file.body, content_type=file.content_type, charset=charset)
