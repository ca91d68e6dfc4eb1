"""The OpenAPI description of the interface, and whether it is true."""

import asyncio

import pytest

from streamer.api.openapi import OPERATIONS
from streamer.control import COMMANDS
from tests.api import Run, ask


def described():
    """The OpenAPI document."""
    return ask("GET", "/openapi.json")[2]


def test_the_description_is_whole():
    """Every operation, each with its answers; every reference leads somewhere; every field told."""
    doc = described()
    assert doc["openapi"].startswith("3.1.")
    assert doc["servers"][0]["url"].startswith("http://127.0.0.1:")
    told = {(m.upper(), path) for path, item in doc["paths"].items() for m in item}
    assert told == {(o.method, o.path) for o in OPERATIONS}
    for reference in references(doc):
        found = doc
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    names = doc["paths"]["/v1/commands/{name}"]["post"]["parameters"][0]["schema"]["enum"]
    assert names == [command.name for command in COMMANDS]
    schemas = doc["components"]["schemas"]
    assert schemas["GainsEdit"]["properties"]["shift"]["maximum"] == 1
    assert "default" not in schemas["ControlsEdit"]["properties"]["mirror"]
    assert schemas["Status"]["properties"]["prompt"]["description"].startswith("What the driver")
    assert schemas["ControlsEdit"]["properties"]["panic"]["description"].startswith("A card")


def references(value):
    """All references in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_description_is_valid():
    """As OpenAPI's own checker has it, where it is installed."""
    checker = pytest.importorskip("openapi_spec_validator")
    checker.validate(described())


def test_every_operation_answers_as_described():
    """With the fields it promises."""

    async def main():
        run = Run()
        async with run.opened():
            for operation in OPERATIONS:
                path = operation.path.replace("{name}", "mirror")
                body = b'{"idle": true}' if operation.body else None
                yield operation, await run.ask(operation.method, path, data=body)

    async def collected():
        return [pair async for pair in main()]

    doc = described()
    for operation, (code, headers, body) in asyncio.run(collected()):
        told = doc["paths"][operation.path][operation.method.lower()]["responses"]["200"]
        ((kind, content),) = told["content"].items()
        assert (code, headers["Content-Type"].partition(";")[0]) == (200, kind)
        if reference := content["schema"].get("$ref"):
            schema = doc["components"]["schemas"][reference.rpartition("/")[2]]
            assert set(body) == set(schema["properties"])
