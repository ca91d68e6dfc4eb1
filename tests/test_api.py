"""The HTTP interface as other programs see it, over a real connection."""

import json
import logging
from dataclasses import replace

import pytest

from streamer.api.openapi import LARGEST, OPERATIONS
from streamer.config import GainsConfig
from streamer.control import BACKGROUNDS, COMMANDS
from tests.api import BEARER, CONTROLS, TOKEN, Run, ask


def patch(body, run=None):
    """Status and answer of one change."""
    data = body if isinstance(body, bytes) else json.dumps(body)
    status, _, answer = ask("PATCH", "/v1/controls", run=run, data=data)
    return status, answer


def test_the_status_is_json():
    """All of it, with the gains and the ages."""
    code, headers, body = ask("GET", "/v1/status")
    assert (code, headers["Cache-Control"]) == (200, "no-store")
    assert body["recent"]["age_ms"]["p95"] == 28.0
    assert body["controls"]["gains"]["mouth"] == 1.0
    assert body["chosen"]["camera"] == 'C920 "HD"'


def test_commands_are_listed_as_keys_have_them():
    """Name, key and what it does."""
    _, _, body = ask("GET", "/v1/commands")
    assert body == [{"name": c.name, "key": c.key, "help": c.help} for c in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_every_command_does_what_its_key_does(command):
    """The answer is what the controls are then."""
    run = Run()
    code, _, body = ask("POST", f"/v1/commands/{command.name}", run=run)
    assert code == 200
    assert run.desk.controls == command.edit(CONTROLS) != CONTROLS
    assert body["portrait"] == run.desk.controls.portrait
    assert body["gains"] == run.desk.controls.gains.model_dump()


def test_an_unknown_command_is_answered_with_the_nearest():
    """404, and nothing happens."""
    run = Run()
    code, _, body = ask("POST", "/v1/commands/pannic", run=run)
    assert (code, body) == (404, {"error": "no 'pannic'; did you mean panic?"})
    assert run.desk.controls == CONTROLS


def test_a_command_is_told_to_whoever_sits_there(caplog):
    """The screen of the run says that another program did it."""
    caplog.set_level(logging.INFO, "streamer")
    ask("POST", "/v1/commands/panic")
    assert caplog.messages == ["asked by another program: card at once, and back"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, True) for name in ("panic", "idle", "mirror", "recording")),
        *(("background", background) for background in BACKGROUNDS[1:]),
        ("portrait", "mei"),
    ],
)
def test_controls_are_set(name, value):
    """Each by its name; what is not named stays."""
    run = Run()
    code, body = patch({name: value}, run)
    assert (code, body[name]) == (200, value)
    assert run.desk.controls == replace(CONTROLS, **{name: value})


@pytest.mark.parametrize("name", GainsConfig.model_fields)
def test_gains_are_set_one_by_one(name):
    """Whole numbers will do."""
    run = Run()
    code, body = patch({"gains": {name: 1}}, run)
    assert code == 200
    assert body["gains"] == {**GainsConfig().model_dump(), name: 1.0}
    assert type(getattr(run.desk.controls.gains, name)) is float


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"miror": True}, 422, "no 'miror'; did you mean mirror?"),
        ({"gains": {"mout": 1}}, 422, "gains: no 'mout'; did you mean mouth?"),
        ({"level": 0}, 422, "no 'level'; there is portrait, background, mirror, idle"),
        ({"quit": True}, 422, "no 'quit'; there is"),
        ({"gains": {"mouth": 2.1}}, 422, "gains.mouth: must be less than or equal to 2"),
        ({"gains": {"shift": 1.1}}, 422, "gains.shift: must be less than or equal to 1"),
        ({"gains": {"eyes": -0.1}}, 422, "gains.eyes: must be greater than or equal to 0"),
        ({"gains": {"eyes": "1"}}, 422, "gains.eyes: must be a valid number"),
        (b'{"gains": {"eyes": NaN}}', 422, "gains.eyes: must be a finite number"),
        ({"gains": [1]}, 422, "gains: "),
        ({"mirror": 1}, 422, "mirror: must be a valid boolean"),
        ({"mirror": None}, 422, "mirror: must be a valid boolean"),
        ({"background": "gren"}, 422, "background: must be 'original', 'blur'"),
        ({"portrait": "ade"}, 422, "portrait: no 'ade'; did you mean ada?"),
        ({"portrait": "/etc/passwd"}, 422, "portrait: no '/etc/passwd'; there is ada, bruno, mei"),
        ([], 422, 'must be a JSON object, as in {"mirror": true}'),
        (b"", 400, "Invalid JSON"),
        (b"{", 400, "Invalid JSON"),
        (b"\xff\xfe", 400, "Invalid JSON"),
        (b"[" * 10_000, 400, "Invalid JSON"),
        (b" " * (LARGEST + 1), 413, "the request is larger than 16 KiB"),
    ],
)
def test_a_wrong_change_is_refused_whole(body, code, text):
    """One sentence says what is wrong and what would do; nothing is changed."""
    run = Run()
    if isinstance(body, dict):
        body = {"idle": True, **body}
    status, answer = patch(body, run)
    assert status == code
    assert list(answer) == ["error"]
    assert answer["error"].startswith(text)
    assert run.desk.controls == CONTROLS


@pytest.mark.parametrize(
    ("headers", "query", "code"),
    [
        ({}, "", 401),
        ({"Authorization": "Bearer wrong"}, "", 401),
        ({"Authorization": "Bearer"}, "", 401),
        ({"Authorization": "Bearer t\u00f6ken"}, "", 401),
        ({"Authorization": "Basic x"}, "", 401),
        ({"Authorization": "Bearer wrong"}, f"?token={TOKEN}", 401),
        ({}, "?token=", 401),
        ({}, "?token=wrong", 401),
        ({}, "?token=%ff%00", 401),
        (BEARER, "", 200),
        ({"Authorization": f"bearer {TOKEN}"}, "", 200),
        ({}, f"?token={TOKEN}", 200),
    ],
)
def test_only_the_token_opens(headers, query, code):
    """In the header, or in the link of a button that can send nothing else."""
    status, answered, body = ask("GET", f"/v1/controls{query}", headers=headers)
    assert status == code
    assert (answered.get("WWW-Authenticate") == "Bearer") == (code == 401)
    assert ("error" in body) == (code == 401)


@pytest.mark.parametrize("path", ["/v1/status", "/metrics", "/openapi.json", "/nothing", "/v1/"])
def test_without_the_token_nothing_is_told(path):
    """Not even what there is."""
    assert ask("GET", path, headers={})[0] == 401


def test_the_index_helps_without_the_token():
    """Every address and examples; no secret."""
    code, _, body = ask("GET", "/", headers={})
    assert code == 200
    assert all(operation.path in body.decode() for operation in OPERATIONS)
    assert b"curl -X POST" in body
    assert TOKEN.encode() not in body


@pytest.mark.parametrize("path", ["/", "/v1/status"])
@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", 200),
        ("localhost:8787", 200),
        ("LOCALHOST", 200),
        ("[::1]:8787", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost@evil.example", 403),
        ("", 403),
    ],
)
def test_only_this_computer_is_answered(path, host, code):
    """A web page whose name was made to point here sends its own name."""
    status, headers, _ = ask("GET", path, headers={**BEARER, "Host": host})
    assert status == code
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "code", "text"),
    [
        ("GET", "/v2/status", 404, "there is no such thing; GET / tells what there is"),
        ("GET", "/v1/commands/panic", 405, "GET is not for /v1/commands/panic; POST is"),
        ("DELETE", "/v1/controls", 405, "DELETE is not for /v1/controls; GET, PATCH is"),
        ("OPTIONS", "/v1/status", 405, "OPTIONS is not for /v1/status; GET is"),
    ],
)
def test_what_there_is_not_is_told_in_json(method, path, code, text):
    """A wrong address or a wrong method."""
    status, headers, body = ask(method, path)
    assert (status, body) == (code, {"error": text})
    assert ("Allow" in headers) == (code == 405)


def test_a_failure_here_shows_nothing_of_the_inside(caplog):
    """The answer is JSON without a trace, and the run goes on."""

    def fails(_):
        raise RuntimeError("secret detail")

    status, _, body = ask("GET", "/v1/status", run=Run(fails))
    assert (status, body) == (500, {"error": "this failed here; the log says why"})
    assert caplog.messages == ["GET /v1/status failed: RuntimeError('secret detail')"]
