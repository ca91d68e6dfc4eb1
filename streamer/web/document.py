"""What the server offers: the table its routes are made from, and the same as OpenAPI 3.1."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from streamer.api.edits import CONTROLS_EDIT
from streamer.web.access import Entry
from streamer.web.models import (
    LONGEST_SDP,
    OWN_COMMANDS,
    Health,
    Named,
    Offer,
    Opened,
    Problem,
    SessionStatus,
    Setup,
    Shown,
    Viewing,
    Views,
    Watched,
)

_EDIT = 16 * 1024
_OFFER = LONGEST_SDP + _EDIT


@dataclass(frozen=True, slots=True)
class Operation:
    """One request that is answered."""

    name: str
    """Of the method that answers it."""
    method: str
    path: str
    help: str
    entry: Entry
    answer: type[BaseModel] | str = "application/json"
    """What it is answered with: a model, or a type of content."""
    status: int = 200
    body: type[BaseModel] | str | None = None
    """What is sent: a model, or a type of content."""
    largest: int = 0
    """Bytes of that; 0: as the settings have it for uploads, where there is a body."""
    refusals: tuple[int, ...] = ()
    """Statuses of its own, besides those of every request."""


OPERATIONS = (
    Operation("page", "GET", "/", "the page", "open", "text/html"),
    Operation("clean", "GET", "/clean", "only the portrait", "open", "text/html"),
    Operation(
        *("static", "GET", "/static/{file}", "a part of the page", "open", "*/*"), refusals=(404,)
    ),
    Operation("health", "GET", "/healthz", "whether it works", "open", Health, refusals=(503,)),
    Operation("setup", "GET", "/api/setup", "what a page needs first", "token", Setup),
    Operation(
        *("begin", "POST", "/api/sessions", "begin a session", "token", Opened, 201),
        *(Offer, _OFFER, (400, 413, 422, 503, 504)),
    ),
    Operation(
        *("status", "GET", "/api/sessions/{id}", "how it does", "key", SessionStatus),
        refusals=(404,),
    ),
    Operation(*("end", "DELETE", "/api/sessions/{id}", "end it", "key", "", 204), refusals=(404,)),
    Operation(
        *("leave", "POST", "/api/sessions/{id}/end", "end it, as a page does that is closed"),
        *("key", "", 204),
        refusals=(404,),
    ),
    Operation(
        *("change", "PATCH", "/api/sessions/{id}/controls", "set some of its controls", "key"),
        *("application/json", 200, CONTROLS_EDIT, _EDIT, (400, 404, 413, 422)),
    ),
    Operation(
        *("command", "POST", "/api/sessions/{id}/commands/{command}", "ask for something", "key"),
        refusals=(404,),
    ),
    Operation(
        *("views", "GET", "/api/sessions/{id}/view", "what is needed to watch it", "key", Views),
        refusals=(404,),
    ),
    Operation(
        *("watch", "POST", "/api/sessions/{id}/view", "watch it, and send nothing", "key"),
        *(Watched, 201, Viewing, _OFFER, (400, 404, 413, 422, 504)),
    ),
    Operation(
        *("upload", "POST", "/api/portraits", "bring a portrait: file, consent=yes, name"),
        *("token", Named, 202, "multipart/form-data", 0, (400, 409, 413, 415, 422, 503)),
    ),
    Operation(
        *("portrait", "GET", "/api/portraits/{name}", "how far it is", "seen", Shown),
        refusals=(404,),
    ),
    Operation(
        *("forget", "DELETE", "/api/portraits/{name}", "delete what one brought", "seen", "", 204),
        refusals=(404,),
    ),
    Operation(
        *("keep", "POST", "/api/portraits/{name}/keep", "save it for good, on this computer"),
        *("seen", Shown),
        refusals=(404, 409),
    ),
    Operation(
        *("thumbnail", "GET", "/api/portraits/{name}/thumbnail", "its head", "seen", "image/jpeg"),
        refusals=(404,),
    ),
    Operation("document", "GET", "/openapi.json", "this interface as OpenAPI 3.1", "token"),
    Operation("metrics", "GET", "/metrics", "figures for Prometheus", "token", "text/plain"),
)

REASONS: Mapping[int, str] = {
    400: "the request cannot be read",
    401: "the token is missing or wrong",
    403: "the request is not meant for this server, or comes from another site's page",
    404: "there is no such thing",
    409: "it cannot be done now",
    413: "the request, or the picture, is too large",
    415: "this kind of content is not taken",
    422: "a name or a value is not possible",
    429: "too many requests, sessions or wrong tokens",
    503: "there is no place now",
    504: "it took too long",
}
_SCHEMAS = "#/components/schemas/"


def document(url: str) -> dict[str, Any]:
    """The OpenAPI document of the server at `url`."""
    models = {m for o in OPERATIONS for m in (o.answer, o.body) if isinstance(m, type)}
    ordered = sorted(models | {Problem}, key=lambda model: model.__name__)
    refs, found = models_json_schema(
        [(m, "validation" if m in (Offer, Viewing) else "serialization") for m in ordered],
        by_alias=True,
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    schemas = {model: schema for (model, _), schema in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, schemas
        )
    for name in ("ControlsEdit", "GainsEdit"):
        for field in found["$defs"][name]["properties"].values():
            field.pop("default", None)  # what is left out stays as it is
    del found["$defs"]["ControlsEdit"]["properties"]["recording"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vivant in the browser",
            "version": "1",
            "description": "Sessions in which a camera drives a portrait, over WebRTC.",
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Session-Key"},
                "keyInQuery": {"type": "apiKey", "in": "query", "name": "key"},
                "visitor": {"type": "apiKey", "in": "cookie", "name": "vivant-visitor"},
            },
            "responses": {str(status): _refusal(status, schemas) for status in REASONS},
            "schemas": found["$defs"],
        },
    }


_SECURITY: Mapping[Entry, list[dict[str, list[str]]]] = {
    "open": [],
    "token": [{"token": []}],
    "key": [{"key": []}, {"keyInQuery": []}],
    "seen": [{"token": []}, {"visitor": []}],
}


def _described(operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    own = (401,) if operation.entry in ("token", "seen") else ()
    statuses = sorted({*own, 403, 429, *operation.refusals})
    answer: dict[str, Any] = {"description": operation.help}
    if operation.answer:
        answer["content"] = _content(operation.answer, schemas)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.help,
        "security": _SECURITY[operation.entry],
        "responses": {
            str(operation.status): answer,
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses},
        },
    }
    if names := re.findall(r"\{(\w+)\}", operation.path):
        described["parameters"] = [_parameter(name) for name in names]
    if operation.body is not None:
        body = _content(operation.body, schemas)
        described["requestBody"] = {"required": True, "content": body}
    return described


def _content(what: type[BaseModel] | str, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if not isinstance(what, str):
        return {"application/json": {"schema": schemas[what]}}
    if what == "multipart/form-data":
        fields = {
            "file": {"type": "string", "contentMediaType": "image/*"},
            "consent": {"const": "yes"},
            "name": {"type": "string", "maxLength": 200},
        }
        schema = {"type": "object", "required": ["file", "consent"], "properties": fields}
        return {what: {"schema": schema}}
    return {what: {"schema": {"type": "object" if what == "application/json" else "string"}}}


def _parameter(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if name == "command":
        schema["enum"] = [command.name for command in OWN_COMMANDS]
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _refusal(status: int, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schemas[Problem]}}
    return {"description": REASONS[status], "content": content}
