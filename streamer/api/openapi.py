"""What the interface offers: the table its routes are made from, and the same as OpenAPI 3.1."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from streamer.api.edits import CONTROLS_EDIT
from streamer.control import COMMANDS, Controls
from streamer.metrics import Recent, Spread
from streamer.status import Status

LARGEST = 16 * 1024
"""Bytes a request may carry."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The answer to whatever cannot be done."""

    error: str
    """What is wrong and what would do, for a person."""


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """One thing that can be asked for."""

    name: str
    key: str
    """Of the terminal."""
    help: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One request that is answered."""

    name: str
    method: str
    path: str
    help: str
    answer: type | None = None
    """What the answer holds as JSON; None: plain text."""
    body: type | None = None
    refusals: tuple[int, ...] = ()
    """The statuses of its own, besides those of every request."""
    is_open: bool = False
    """Answered without the token."""


OPERATIONS = (
    Operation("index", "GET", "/", "this page", is_open=True),
    Operation("status", "GET", "/v1/status", "how the run is doing", Status),
    Operation("commands", "GET", "/v1/commands", "what can be asked for", list[CommandHelp]),
    Operation(
        *("command", "POST", "/v1/commands/{name}", "ask for it, as its key does"),
        answer=Controls,
        refusals=(404,),
    ),
    Operation("controls", "GET", "/v1/controls", "what is asked for now", Controls),
    Operation(
        *("change", "PATCH", "/v1/controls", "set some of it: all of the request or nothing"),
        answer=Controls,
        body=CONTROLS_EDIT,
        refusals=(400, 413, 422),
    ),
    Operation("document", "GET", "/openapi.json", "this interface as OpenAPI 3.1", dict[str, Any]),
    Operation("metrics", "GET", "/metrics", "the figures for Prometheus"),
)

REASONS: Mapping[int, str] = {
    400: "the request is not JSON",
    401: "the token is missing or wrong",
    403: "the request is not meant for this computer",
    404: "there is no such thing",
    413: f"the request is larger than {LARGEST // 1024} KiB",
    422: "a name or a value is not possible",
}
_OF_EVERY_REQUEST = (401, 403)
_SCHEMAS = "#/components/schemas/"
_DOCUMENTED = (Status, Recent, Spread, Controls, Problem, CommandHelp)


def document(url: str) -> dict[str, Any]:
    """The OpenAPI document of the interface at `url`."""
    schemas, components = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vivant control interface",
            "version": "1",
            "description": "Steers one run, from the computer it runs on.",
        },
        "servers": [{"url": url}],
        "security": [{"header": []}, {"query": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "header": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
            "responses": {str(status): _refusal(status, schemas) for status in REASONS},
            "schemas": _explained(components),
        },
    }


def _schemas() -> tuple[dict[type, Any], dict[str, Any]]:
    """How to refer to each type that is sent, and what it refers to."""
    sent = (t for o in OPERATIONS for t in (o.answer, o.body) if t is not None)
    mode: JsonSchemaMode = "serialization"
    adapters: list[tuple[type, JsonSchemaMode, TypeAdapter[Any]]] = [
        (t, mode, TypeAdapter[Any](t)) for t in dict.fromkeys((Problem, *sent))
    ]
    refs, found = TypeAdapter.json_schemas(adapters, ref_template=f"{_SCHEMAS}{{model}}")
    return {t: refs[t, mode] for t, _, _ in adapters}, found["$defs"]


def _described(operation: Operation, schemas: Mapping[type, Any]) -> dict[str, Any]:
    if operation.answer is None:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": schemas[operation.answer]}}
    statuses = (*(() if operation.is_open else (401,)), 403, *operation.refusals)
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.help,
        "responses": {"200": {"description": operation.help, "content": content}, **refusals},
    }
    if operation.is_open:
        described["security"] = []
    if "{name}" in operation.path:
        described["parameters"] = [_name_parameter()]
    if operation.body is not None:
        body = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": body}
    return described


def _name_parameter() -> dict[str, Any]:
    return {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "\n".join(f"- {c.name}: {c.help}" for c in COMMANDS),
        "schema": {"type": "string", "enum": [c.name for c in COMMANDS]},
    }


def _refusal(status: int, schemas: Mapping[type, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schemas[Problem]}}
    return {"description": REASONS[status], "content": content}


def _explained(schemas: dict[str, Any]) -> dict[str, Any]:
    """With the sentences that stand below the fields in our source."""
    for type_ in _DOCUMENTED:
        for name, text in _sentences(type_).items():
            schemas[type_.__name__]["properties"][name].setdefault("description", text)
    for name in ("ControlsEdit", "GainsEdit"):
        for field in schemas[name]["properties"].values():
            field.pop("default", None)  # what is left out stays as it is
    edit = schemas["ControlsEdit"]["properties"]
    for name, text in _sentences(Controls).items():
        if name in edit:
            edit[name].setdefault("description", text)
    return schemas


def _sentences(type_: type) -> dict[str, str]:
    """The docstring below each field of a dataclass; none where its source is not at hand."""
    assert is_dataclass(type_)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(type_)))
    except OSError:
        return {}
    body = tree.body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                found[name] = text
            case _:
                pass
    return found
