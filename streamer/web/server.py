"""`vivant serve`: the page, the signalling and everything behind it, on one port.

Every request passes the rules of `access`, and every failure becomes an answer in JSON that tells
what to do and nothing of the inside.
"""

import errno
import socket
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aiohttp import web

from streamer import places
from streamer.clock import Clock, monotonic_ns
from streamer.config import Config
from streamer.errors import ConfigError
from streamer.generator.workshop import Figures
from streamer.web.access import Access, Entry
from streamer.web.answers import KEY, Answers
from streamer.web.document import OPERATIONS, Operation
from streamer.web.door import Doors, DoorSite
from streamer.web.guard import asked_of, guard, runner_of
from streamer.web.models import LONGEST_SDP
from streamer.web.page import read_page
from streamer.web.parts import Parts
from streamer.web.portrait_answers import PortraitAnswers
from streamer.web.portraits import Catalogue
from streamer.web.refusal import Refusal
from streamer.web.session import Network, Opening
from streamer.web.sessions import Sessions
from streamer.web.threads import Threads
from streamer.web.tidy import tidying
from streamer.web.tls import Tls, own_addresses
from streamer.web.uploads import Uploads
from streamer.web.visitors import COOKIE, Visitors
from streamer.web.whip import add_whip
from streamer.webconfig import WebConfig

_THREADS = 2


@dataclass(frozen=True, slots=True)
class Server:
    """The running server."""

    urls: tuple[str, ...]
    """At which browsers reach it, the likeliest first."""
    access: Access
    sessions: Sessions
    tls: Tls | None

    @property
    def links(self) -> tuple[str, ...]:
        """The same with the token, where one is needed."""
        end = f"/#token={self.access.token}" if self.access.token else "/"
        return tuple(f"{url}{end}" for url in self.urls)


@asynccontextmanager
async def open_server(
    settings: tuple[Config, WebConfig],
    catalogue: Catalogue,
    network: Network,
    opening: Opening,
    *,
    engines: Callable[[], Figures] = Figures,
    tls: Tls | None = None,
    clock: Clock = monotonic_ns,
) -> AsyncGenerator[Server]:
    """The server, listening within the block; leaving it ends every session and deletes uploads.

    `engines` tells how those do that all sessions share.
    ConfigError when its port or address cannot be had.
    """
    _, web_config = settings
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vivant-")))
        threads = stack.enter_context(Threads(_THREADS))

        def forget(name: str) -> None:
            uploads.delete(name)

        visitors = Visitors(forget, clock)
        stack.callback(visitors.close)
        sessions = Sessions(settings, catalogue, visitors, network, opening, clock, engines)
        await stack.enter_async_context(sessions.running())
        uploads = Uploads(folder, catalogue, sessions.start, sessions.offer_portrait)
        sessions.start(tidying(visitors))
        access = Access(web_config, clock)
        parts = Parts(
            version=_version(),
            access=access,
            sessions=sessions,
            visitors=visitors,
            catalogue=catalogue,
            uploads=uploads,
            threads=threads,
            page=read_page(),
            kept=kept_folder(),
            secure=tls is not None,
        )
        port = await stack.enter_async_context(_listening(parts, web_config, tls))
        yield Server(_urls(web_config, port, secure=tls is not None), access, sessions, tls)


def kept_folder() -> Path:
    """Where the owner's own saved portraits are. It may not exist."""
    return places.data_folder() / "portraits"


@asynccontextmanager
async def _listening(parts: Parts, config: WebConfig, tls: Tls | None) -> AsyncGenerator[int]:
    """The open port."""
    doors = Doors()
    app = web.Application(
        middlewares=[guard(_checking(parts), doors)], client_max_size=2 * LONGEST_SDP
    )
    _add_routes(app, parts)
    runner = runner_of(app)
    await runner.setup()
    try:
        context = None if tls is None else tls.context
        try:
            await DoorSite(runner, (config.host, config.port), context, doors).start()
        except OSError as error:
            raise _no_place(config, error) from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _add_routes(app: web.Application, parts: Parts) -> None:
    answers, portraits = Answers(parts), PortraitAnswers(parts)
    for operation in OPERATIONS:
        whose = portraits if hasattr(portraits, operation.name) else answers
        path = operation.path.replace("{file}", "{file:.+}")
        handler: Callable[[web.Request], Awaitable[web.Response]] = getattr(whose, operation.name)
        app.router.add_route(operation.method, path, handler, name=operation.name)
    add_whip(app, parts.sessions, parts.visitors, parts.ice_servers)


def _checking(parts: Parts) -> Callable[[web.Request], None]:
    """What decides whether a request may be answered; it raises Refusal."""
    operations = {operation.name: operation for operation in OPERATIONS}

    def check(request: web.Request) -> None:
        entry, asked = _entry(request, operations), asked_of(request)
        plays = request.path == "/whep" and request.method == "POST"
        has_key = plays and _has_key(request, parts.sessions)
        parts.access.check(asked, "key" if has_key else entry)
        if plays and not has_key and not parts.access.loopback:
            raise Refusal(401, "key", "name a session, /whep?session=ID, and send its key")
        if entry == "seen" and parts.visitors.find(request.cookies.get(COOKIE)) is None:
            parts.access.check_token(asked)

    return check


def _has_key(request: web.Request, sessions: Sessions) -> bool:
    """Whether somebody wants to play a session whose key they have: they need no token."""
    if "session" not in request.query:
        return False
    key = request.headers.get(KEY) or request.query.get("key") or asked_of(request).token
    try:
        sessions.find(request.query["session"], key)
    except Refusal:
        return False
    return True


def _entry(request: web.Request, operations: dict[str, Operation]) -> Entry:
    """Who may ask for it. What does not exist is told to anybody."""
    if request.match_info.http_exception is not None:
        return "open"
    operation = operations.get(request.match_info.route.name or "")
    if operation is not None:
        return operation.entry
    return "open" if request.method == "OPTIONS" else "token"


def _no_place(config: WebConfig, error: OSError) -> ConfigError:
    """Why nothing can be opened there, and what would do."""
    where = f"port {config.port} of {config.host}"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return ConfigError(
            f"--host {config.host}: this is no address of this computer; 0.0.0.0 stands for all"
            " it has, 127.0.0.1 for itself alone"
        )
    match error.errno:
        case errno.EADDRINUSE:
            return ConfigError(
                f"{where} is used by another program; choose another, or any: --port 0"
            )
        case errno.EACCES:
            return ConfigError(f"{where} is not for ordinary users; choose one above 1023: --port")
        case _:
            reason = (error.strerror or str(error)).partition("\n")[0]
            return ConfigError(f"{where} cannot be opened: {reason}; choose another: --port 0")


def _urls(config: WebConfig, port: int, *, secure: bool) -> tuple[str, ...]:
    hosts = [config.host]
    if config.host in ("0.0.0.0", "::", "*"):
        hosts = [*own_addresses(), socket.gethostname()]
    hosts = [f"[{host}]" if ":" in host else host for host in (*config.names, *hosts)]
    scheme = "https" if secure else "http"
    return tuple(f"{scheme}://{host}:{port}" for host in dict.fromkeys(hosts))


def _version() -> str:
    try:
        return version("vivant")
    except PackageNotFoundError:
        return "unknown"
