"""`vivant serve`: the page, the signalling and everything behind it, on one port.

Every request passes the rules of `access`, and every failure becomes an answer in JSON that tells
what to do and nothing of the inside.
"""

import errno
import logging
import socket
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from streamer import places
from streamer.clock import Clock, monotonic_ns
from streamer.config import Config
from streamer.errors import ConfigError
from streamer.web.access import HEADERS, Access, Asked, Entry
from streamer.web.answers import Answers
from streamer.web.document import OPERATIONS, Operation
from streamer.web.door import Doors, DoorSite
from streamer.web.models import LONGEST_SDP, Problem, as_json
from streamer.web.page import read_page
from streamer.web.parts import Parts
from streamer.web.portrait_answers import PortraitAnswers
from streamer.web.portraits import Catalogue
from streamer.web.refusal import Refusal
from streamer.web.session import Network, Opening
from streamer.web.sessions import Sessions
from streamer.web.settings import WebConfig
from streamer.web.threads import Threads
from streamer.web.tidy import tidying
from streamer.web.tls import Tls, own_addresses
from streamer.web.uploads import Uploads
from streamer.web.visitors import COOKIE, Visitors
from streamer.web.whip import add_whip

_PATIENCE_S = 0.5
"""What requests under way get when the server ends."""
_KEEP_ALIVE_S = 30.0
_THREADS = 2
_log = logging.getLogger(__name__)


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
    tls: Tls | None = None,
    clock: Clock = monotonic_ns,
) -> AsyncGenerator[Server]:
    """The server, listening within the block; leaving it ends every session and deletes uploads.

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
        sessions = Sessions(settings, catalogue, visitors, network, opening, clock)
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
    app = web.Application(middlewares=[_guard(parts, doors)], client_max_size=2 * LONGEST_SDP)
    _add_routes(app, parts)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_deaf(),
        auto_decompress=False,
        keepalive_timeout=_KEEP_ALIVE_S,
        shutdown_timeout=_PATIENCE_S,
        lingering_time=_PATIENCE_S,
    )
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


def _guard(parts: Parts, doors: Doors) -> Any:  # noqa: ANN401  (aiohttp's own type is private)
    """What stands before every request, and makes of every failure an answer in JSON."""
    operations = {operation.name: operation for operation in OPERATIONS}

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        doors.asked(request.transport)
        try:
            _check(request, parts, operations)
            answer = await handler(request)
        except Refusal as refusal:
            answer = _problem(refusal.status, refusal.code, refusal.message, refusal.after_s)
        except web.HTTPException as error:
            answer = _of_library(request, error)
        except ConnectionError:  # it hung up meanwhile: nobody reads this
            answer = _problem(400, "gone", "the connection was closed")
        except Exception as error:  # noqa: BLE001  (the outermost frame: the server goes on)
            _log.warning("%s %s failed: %r", request.method, request.path, error)
            answer = _problem(500, "failed", "this failed on the server; its log says why")
        answer.headers.update(HEADERS)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    return guarded


def _check(request: web.Request, parts: Parts, operations: dict[str, Operation]) -> None:
    """Refusal when the request may not be answered."""
    entry = _entry(request, operations)
    asked = _asked(request)
    if entry == "seen":
        parts.access.check(asked, "seen")
        if parts.visitors.find(request.cookies.get(COOKIE)) is None:
            parts.access.check_token(asked)
        return
    parts.access.check(asked, entry)


def _entry(request: web.Request, operations: dict[str, Operation]) -> Entry:
    """Who may ask for it. What does not exist is told to anybody."""
    if request.match_info.http_exception is not None:
        return "open"
    operation = operations.get(request.match_info.route.name or "")
    if operation is not None:
        return operation.entry
    return "open" if request.method == "OPTIONS" else "token"


def _asked(request: web.Request) -> Asked:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return Asked(
        address=request.remote or "",
        method=request.method,
        host=request.headers.get("Host", ""),
        origin=request.headers.get("Origin"),
        site=request.headers.get("Sec-Fetch-Site"),
        mode=request.headers.get("Sec-Fetch-Mode"),
        token=token.strip() if scheme.lower() == "bearer" else "",
    )


def _of_library(request: web.Request, error: web.HTTPException) -> web.Response:
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            answer = _problem(405, "method", f"{allowed} can be used here")
            answer.headers["Allow"] = allowed
            return answer
        case web.HTTPNotFound():
            return _problem(404, "path", "there is no such thing; GET /openapi.json tells what is")
        case web.HTTPRequestEntityTooLarge():
            return _problem(413, "size", "the request is too large")
        case _:
            _log.info("%s %s: %s", request.method, request.path, error.reason)
            return _problem(error.status, "request", "the request cannot be answered")


def _problem(status: int, code: str, message: str, after_s: int = 0) -> web.Response:
    body = as_json(Problem(error=code, message=message))
    answer = web.Response(body=body, status=status, content_type="application/json")
    if after_s:
        answer.headers["Retry-After"] = str(after_s)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


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


def _deaf() -> logging.Logger:
    """For the library, which would log each request that is no HTTP. Its sender is told anyway."""
    logger = logging.getLogger(f"{__name__}.http")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
