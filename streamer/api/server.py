"""Answers other programs on this computer: commands, controls, status and figures over HTTP.

Every request but the one for the index needs the token. It comes from this computer and says so,
or it is refused: a web page that got its own name to point here has neither. No answer tells a
browser that pages of others may read it.
"""

import asyncio
import hmac
import json
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import TypeAdapter

from streamer.api.edits import EditError, advice, apply
from streamer.api.exposition import CONTENT_TYPE, exposition
from streamer.api.openapi import LARGEST, OPERATIONS, REASONS, CommandHelp, Problem, document
from streamer.config import ControlConfig
from streamer.control import COMMANDS, Controls, Desk, by_name
from streamer.metrics import Metrics
from streamer.status import Status

_HOST = "127.0.0.1"
_OURS = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_PATIENCE_S = 0.3
"""What requests under way get when the run ends."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Api:
    """The open interface."""

    url: str


@asynccontextmanager
async def open_api(
    config: ControlConfig,
    desk: Desk,
    status: Callable[[], Status],
    metrics: Metrics,
    token: str,
) -> AsyncGenerator[Api | None]:
    """The interface, open within the block; None when it is off or its port is taken.

    Requests are answered on the running loop, which they never hold up: `status` must not block.
    """
    if not config.enabled:
        yield None
        return
    answers = _Answers(desk, status, metrics)
    app = web.Application(middlewares=[_guard(token)], client_max_size=LARGEST)
    for operation in OPERATIONS:
        app.router.add_route(operation.method, operation.path, getattr(answers, operation.name))
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_deaf(),
        shutdown_timeout=_PATIENCE_S,
        lingering_time=_PATIENCE_S,
    )
    await runner.setup()
    try:
        if await _listening(runner, config.port):
            answers.url = f"http://{_HOST}:{runner.addresses[0][1]}"
            yield Api(answers.url)
        else:
            yield None
    finally:
        await runner.cleanup()


def _deaf() -> logging.Logger:
    """For the library, which would log each request that is no HTTP. Its sender is told anyway."""
    logger = logging.getLogger(f"{__name__}.http")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


async def _listening(runner: web.AppRunner, port: int) -> bool:
    try:
        await web.TCPSite(runner, _HOST, port).start()
    except OSError as error:
        reason = (error.strerror or str(error)).partition("\n")[0]
        _log.warning(
            "control.port %d cannot be used (%s): nothing else can steer this run;"
            " --set control.port=0 takes any free port",
            port,
            reason,
        )
        return False
    return True


class _Answers:
    """One method for each operation, of its name."""

    def __init__(self, desk: Desk, status: Callable[[], Status], metrics: Metrics) -> None:
        self.url = ""
        self._desk = desk
        self._status = status
        self._metrics = metrics
        self._document = b""
        self._status_type = TypeAdapter(Status)
        self._controls_type = TypeAdapter(Controls)

    async def index(self, _: web.Request) -> web.Response:
        lines = [f"{o.method:<6} {o.path:<22} {o.help}" for o in OPERATIONS]
        text = f"""Vivant: steer this run.

{chr(10).join(lines)}

The token is in the file "token" among your settings, or what VIVANT_TOKEN says. For example:

curl -H "Authorization: Bearer $TOKEN" {self.url}/v1/status
curl -X POST "{self.url}/v1/commands/panic?token=$TOKEN"
curl -X PATCH -H "Authorization: Bearer $TOKEN" -d '{{"mirror": true}}' {self.url}/v1/controls
"""
        return web.Response(text=text)

    async def status(self, _: web.Request) -> web.Response:
        return _json(self._status_type.dump_json(self._status()))

    async def commands(self, _: web.Request) -> web.Response:
        helps = [asdict(CommandHelp(c.name, c.key, c.help)) for c in COMMANDS]
        return _json(json.dumps(helps).encode())

    async def command(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        command = by_name().get(name)
        if command is None:
            return _problem(404, advice(name, tuple(by_name())))
        controls = self._desk.edit(command.edit)
        _log.info("asked by another program: %s", command.help)
        return self._answer(controls)

    async def controls(self, _: web.Request) -> web.Response:
        return self._answer(self._desk.controls)

    async def change(self, request: web.Request) -> web.Response:
        try:
            controls = apply(self._desk, await request.read())
        except EditError as error:
            return _problem(422 if error.readable else 400, str(error))
        return self._answer(controls)

    async def document(self, _: web.Request) -> web.Response:
        if not self._document:
            described = await asyncio.to_thread(document, self.url)
            self._document = json.dumps(described).encode()
        return _json(self._document)

    async def metrics(self, _: web.Request) -> web.Response:
        text = exposition(self._status(), self._metrics.totals().frames)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    def _answer(self, controls: Controls) -> web.Response:
        return _json(self._controls_type.dump_json(controls))


def _guard(token: str) -> Any:  # noqa: ANN401  (aiohttp's own type for it is private)
    """What stands before every request, and makes of every failure an answer in JSON."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = _refused(request, token) or await _answered(request, handler(request))
        answer.headers.update(_HEADERS)
        return answer

    return guarded


def _refused(request: web.Request, token: str) -> web.Response | None:
    """The refusal of a request that may not be answered, else None."""
    if not _OURS.fullmatch(request.headers.get("Host", "")):
        return _problem(403, f"{REASONS[403]}: ask {_HOST}")
    if any(o.is_open and o.path == request.path for o in OPERATIONS):
        return None
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        given = request.query.get("token", "")
    if hmac.compare_digest(_bytes(given.strip()), _bytes(token)):
        return None
    answer = _problem(401, f"{REASONS[401]}: send it as Authorization: Bearer, or as ?token=")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def _answered(
    request: web.Request, answer: Awaitable[web.StreamResponse]
) -> web.StreamResponse:
    try:
        return await answer
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        problem = _problem(405, f"{error.method} is not for {request.path}; {allowed} is")
        problem.headers["Allow"] = allowed
        return problem
    except web.HTTPNotFound:
        return _problem(404, f"{REASONS[404]}; GET / tells what there is")
    except web.HTTPException as error:
        return _problem(error.status, REASONS.get(error.status, error.reason))
    except Exception as error:  # noqa: BLE001  (the outermost frame: the run goes on)
        _log.warning("%s %s failed: %r", request.method, request.path, error)
        return _problem(500, "this failed here; the log says why")


def _problem(status: int, text: str) -> web.Response:
    answer = _json(json.dumps(asdict(Problem(text))).encode())
    answer.set_status(HTTPStatus(status))
    return answer


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
