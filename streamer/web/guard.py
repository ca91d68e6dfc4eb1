"""What stands before and behind every answer of our servers."""

import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from streamer.web.access import HEADERS, Asked
from streamer.web.door import Doors
from streamer.web.models import Problem, as_json
from streamer.web.refusal import Refusal

_PATIENCE_S = 0.5
"""What requests under way get when the server ends."""
_KEEP_ALIVE_S = 30.0
_log = logging.getLogger(__name__)


def runner_of(app: web.Application) -> web.AppRunner:
    """Runs an app, quietly; bodies stay packed as they came."""
    return web.AppRunner(
        app,
        access_log=None,
        logger=_deaf(),
        auto_decompress=False,
        keepalive_timeout=_KEEP_ALIVE_S,
        shutdown_timeout=_PATIENCE_S,
        lingering_time=_PATIENCE_S,
    )


def guard(check: Callable[[web.Request], None], doors: Doors) -> Any:  # noqa: ANN401  (aiohttp's own type is private)
    """What stands before every request, and makes of every failure an answer in JSON.

    `check` raises Refusal for what may not be answered.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        doors.asked(request.transport)
        try:
            check(request)
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


def asked_of(request: web.Request) -> Asked:
    """What of a request decides whether it is answered."""
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


def _deaf() -> logging.Logger:
    """For the library, which would log each request that is no HTTP. Its sender is told anyway."""
    logger = logging.getLogger(f"{__name__}.http")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
