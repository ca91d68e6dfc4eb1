"""The server as a whole: what it offers, and what strangers may throw at it."""

import asyncio
import json

import pytest

from streamer.control import COMMANDS
from streamer.generator.workshop import Figures
from streamer.web.document import OPERATIONS, document
from streamer.web.page import read_page
from tests.offers import offer
from tests.webs import OFFER, serve, until

MANY = {"requests_per_s": 10_000, "max_sessions": 64}


def test_the_description_is_valid_and_whole():
    """Every operation with its answers; every reference leads somewhere."""
    doc = document("http://127.0.0.1:1")
    told = {(m.upper(), path) for path, item in doc["paths"].items() for m in item}
    assert told == {(o.method, o.path) for o in OPERATIONS}
    assert len({o.name for o in OPERATIONS}) == len(OPERATIONS)
    text = json.dumps(doc)
    assert "recording" not in json.dumps(doc["components"]["schemas"]["ControlsEdit"])
    for reference in set(_references(doc)):
        found = doc
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    assert "Traceback" not in text
    pytest.importorskip("openapi_spec_validator").validate(doc)


def _references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_a_page_is_told_what_it_needs():
    """Portraits, backgrounds, commands, bounds of the gains: nothing has to be known beforehand."""

    async def story(world):
        _, _, setup = await world.ask("GET", "/api/setup")
        assert [p["name"] for p in setup["portraits"]] == ["ada", "bruno"]
        assert setup["portraits"][0]["thumbnail"] == "/api/portraits/ada/thumbnail"
        assert setup["gains"]["mouth"] == [0, 2, 1]
        assert "image" not in setup["backgrounds"]
        assert setup["iceServers"] == []
        assert setup["maxUploadBytes"] == 15_000_000
        names = {command["name"] for command in setup["commands"]}
        assert names == {c.name for c in COMMANDS} - {"record", "quit"}
        assert setup["controls"]["portrait"] == "ada"
        code, _, doc = await world.ask("GET", "/openapi.json")
        assert code == 200
        needed = set(doc["components"]["schemas"]["Setup"]["properties"])
        assert set(setup) == needed

    serve(story)


def test_figures_tell_of_every_session():
    """In the format of Prometheus, with the ages."""

    async def story(world):
        first, second = await world.begin(), await world.begin()
        code, headers, text = await world.ask("GET", "/metrics")
        assert code == 200
        assert headers["Content-Type"].startswith("text/plain")
        told = text.decode()
        for opened in (first, second):
            name = opened["id"][:6]
            age = f'vivant_session_age_seconds{{quantile="0.95",session="{name}"}} 0.028'
            assert age in told
            assert opened["key"] not in told
        assert "vivant_sessions 2.0" in told

    serve(story)


def test_figures_tell_of_the_engines_that_all_sessions_share():
    """How many are open, and how many pictures they made at once."""

    async def story(world):
        _, _, text = await world.ask("GET", "/metrics")
        told = text.decode()
        assert "vivant_engines 0.0" in told
        assert "vivant_engine_runs_total{" not in told
        world.server.sessions.engines = lambda: Figures(2, {1: 7, 4: 3}, 18)
        _, _, text = await world.ask("GET", "/metrics")
        told = text.decode()
        assert "vivant_engines 2.0" in told
        assert 'vivant_engine_runs_total{batch="1"} 7.0' in told
        assert 'vivant_engine_runs_total{batch="4"} 3.0' in told
        assert "vivant_engine_pictures_total 18.0" in told

    serve(story)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/cli.py",
        "/static//etc/passwd",
        "/static/....//server.py",
        "/static/%00",
        "/static/__init__.py",
        "/..",
        "/static/",
    ],
)
def test_no_file_but_the_pages_can_be_had(path):
    """Names are looked up in a table: there is no way out of it."""

    async def story(world):
        host, port = world.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
        assert b"import" not in answer

    serve(story)


def test_the_pages_files_come_with_their_type_and_are_asked_for_once():
    """With a tag, by which a browser finds out that nothing has changed."""
    page = read_page()
    if "index.html" not in page:
        pytest.skip("the page is not there")

    async def story(world):
        code, headers, body = await world.ask("GET", "/")
        assert (code, body) == (200, page["index.html"].body)
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        tag = {"If-None-Match": headers["ETag"]}
        assert (await world.ask("GET", "/", headers=tag))[0] == 304
        for name, file in page.items():
            code, headers, body = await world.ask("GET", f"/static/{name}")
            assert (code, body) == (200, file.body)
        assert (await world.ask("GET", "/clean?session=1&key=2"))[0] == 200

    serve(story, **MANY)


def test_what_does_not_exist_or_cannot_be_done_is_told_in_json():
    """A code and a sentence; what would do, where that is known."""

    async def story(world):
        code, _, told = await world.ask("GET", "/nothing")
        assert (code, told["error"]) == (404, "path")
        code, headers, told = await world.ask("DELETE", "/api/setup")
        assert (code, told["error"], headers["Allow"]) == (405, "method", ["GET", "HEAD"][0])
        code, _, told = await world.ask("GET", "/api/setup", headers={"Host": "evil.example"})
        assert (code, told["error"]) == (403, "host")
        headers = {"Origin": "http://evil.example"}
        code, _, told = await world.ask("POST", "/api/sessions", json=OFFER, headers=headers)
        assert (code, told["error"]) == (403, "origin")

    serve(story)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", (400, "json")),
        (b"{", (400, "json")),
        (b"[]", (422, "value")),
        (b"null", (422, "value")),
        (b"[" * 50_000, (400, "json")),
        (b'{"sdp": 1, "type": "offer"}', (422, "value")),
        (b'{"sdp": "v=0"}', (422, "value")),
        (b'{"sdp": "v=0", "type": "answer"}', (422, "value")),
        (b'{"sdp": "v=0", "type": "offer", "codec": "AV1"}', (422, "value")),
        (b'{"sdp": "v=0", "type": "offer", "more": 1}', (422, "value")),
        (b'{"sdp": "v=0", "type": "offer", "controls": {"quit": true}}', (422, "value")),
        (b'{"sdp": "v=0", "type": "offer", "controls": {"gains": {"mouth": NaN}}}', (422, "value")),
        (b'{"sdp": "v=0", "type": "offer", "controls": [1]}', (422, "value")),
        (b"\xff\xfe", (400, "json")),
        (b" " * 90_000, (413, "size")),
    ],
)
def test_an_offer_that_is_not_as_it_must_be_is_told_where(body, answer):
    """And no session is begun."""

    async def story(world):
        code, _, told = await world.ask("POST", "/api/sessions", data=body)
        assert (code, told["error"]) == answer
        assert len(told["message"]) < 400
        assert not world.sessions.all

    serve(story)


def test_whip_is_answered_under_the_same_rules():
    """Its refusals are in JSON, and it needs the token where there is one."""

    async def story(world):
        code, _, told = await world.ask("POST", "/whip", data=b"x")
        assert (code, told["error"]) == (415, "type")
        code, headers, _ = await world.ask("OPTIONS", "/whip")
        assert (code, headers["Accept-Post"]) == (204, "application/sdp")
        fragment = {"Content-Type": "application/trickle-ice-sdpfrag"}
        assert (await world.ask("PATCH", "/whip/1", headers=fragment))[0] == 404
        headers = {"Content-Type": "application/sdp"}
        body = offer("sendonly").encode()
        code, headers, _ = await world.ask("POST", "/whip", data=body, headers=headers)
        assert code == 201
        assert headers["Location"].startswith("/whip/")
        assert (await world.ask("DELETE", headers["Location"]))[0] == 200
        await until(lambda: not world.sessions.all)

    serve(story)
