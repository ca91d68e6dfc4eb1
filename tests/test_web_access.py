"""Who is answered: hosts, sites, tokens, rates; and by what certificate."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from streamer.web.access import HEADERS, Access, Asked, is_loopback, same
from streamer.web.buckets import Buckets, neighbourhood
from streamer.web.ice import ice_servers
from streamer.web.refusal import Refusal
from streamer.webconfig import WebConfig
from tests.fakes import FakeClock
from tests.webs import TOKEN, serve


def asked(**values):
    usual = {
        "address": "192.0.2.7",
        "method": "GET",
        "host": "127.0.0.1:8080",
        "origin": None,
        "site": None,
        "mode": None,
        "token": "",
    }
    return Asked(**usual | values)


def refusal(access, entry="token", **values):
    """The code of the refusal; None when it is answered."""
    try:
        access.check(asked(**values), entry)
    except Refusal as refused:
        return refused.status, refused.code
    return None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:8080", "localhost."]
)
def test_this_computer_is_asked_by_its_own_names(host):
    """With or without a port."""
    assert refusal(Access(WebConfig()), host=host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "192.168.1.5", "", "a b", "localhost@evil", "[::1"],
)
def test_a_name_that_was_pointed_here_is_refused(host):
    """DNS rebinding: the page of another site got its own name to lead here."""
    assert refusal(Access(WebConfig()), host=host) == (403, "host")


def test_on_the_network_plain_addresses_and_own_names_are_answered():
    """No name server can point an address somewhere."""
    access = Access(WebConfig(host="0.0.0.0", token=TOKEN, names=("studio.example",)))
    for host in ("192.168.1.5:8080", "[fd00::2]:1", "studio.example", "Studio.Example:443"):
        assert refusal(access, host=host, token=TOKEN) is None
    assert refusal(access, host="evil.example", token=TOKEN) == (403, "host")


@pytest.mark.parametrize(
    ("values", "answered"),
    [
        ({"origin": "http://127.0.0.1:8080"}, True),
        ({"origin": "https://127.0.0.1:8080"}, True),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "null", "site": "same-origin"}, True),
        ({"site": "cross-site"}, False),
        ({"site": "same-site"}, False),
        ({"site": "none", "mode": "navigate"}, True),
    ],
)
def test_pages_of_other_sites_are_refused(values, answered):
    """By what the browser itself says of them."""
    found = refusal(Access(WebConfig()), method="POST", **values)
    assert found == (None if answered else (403, "origin"))


def test_a_link_on_another_site_may_lead_to_the_page():
    """That opens the page; it asks for nothing."""
    access = Access(WebConfig())
    link = {"site": "cross-site", "mode": "navigate"}
    assert refusal(access, "open", **link) is None
    assert refusal(access, "token", **link) == (403, "origin")
    assert refusal(access, "open", site="cross-site", mode="no-cors") == (403, "origin")


def test_loopback_needs_no_token_unless_one_is_set_and_others_always_do():
    """A token is made where none is given."""
    assert Access(WebConfig()).token == ""
    assert refusal(Access(WebConfig(token=TOKEN))) == (401, "token")
    made = Access(WebConfig(host="0.0.0.0")).token
    assert len(made) >= 32
    assert made != Access(WebConfig(host="0.0.0.0")).token


def test_a_guessed_token_is_soon_not_even_looked_at():
    """Nor is the right one from that address; others are not concerned, and time heals it."""
    clock = FakeClock()
    access = Access(WebConfig(host="0.0.0.0", token=TOKEN), clock)
    found = [refusal(access, token=f"guess-{i}") for i in range(12)]
    assert found == [(401, "token")] * 10 + [(429, "guesses")] * 2
    assert refusal(access, token=TOKEN) == (429, "guesses")
    assert refusal(access, token=TOKEN, address="192.0.2.8") is None
    clock.advance(7_000)
    assert refusal(access, token=TOKEN) is None


def test_requests_are_limited_for_an_address_and_for_all():
    """A burst, then a steady rate."""
    clock = FakeClock()
    access = Access(WebConfig(requests_per_s=2), clock)
    assert [refusal(access) for _ in range(11)] == [None] * 10 + [(429, "rate")]
    assert refusal(access, address="192.0.2.8") is None
    clock.advance(1_000)
    assert [refusal(access) for _ in range(3)] == [None] * 2 + [(429, "rate")]
    crowd = [refusal(access, address=f"10.0.{i // 200}.{i % 200}") for i in range(200)]
    assert crowd.count((429, "rate")) > 50


def test_a_bucket_tells_when_to_come_again_and_remembers_few():
    """Its memory is bounded, whoever comes."""
    clock = FakeClock()
    buckets = Buckets(0.5, 2, clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 2]
    clock.advance(2_000)
    assert buckets.wait("a") == 0
    for i in range(10_000):
        buckets.take(f"address {i}")
    assert len(buckets._left) <= 4096


def test_a_household_counts_as_one_address():
    """Of IPv6 it has billions."""
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8:0:1::1") != neighbourhood("2001:db8::1")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1")
    assert neighbourhood("fe80::1%eth0") == neighbourhood("fe80::1")
    assert neighbourhood("nonsense") == "nonsense"


def test_what_is_loopback():
    """Names and addresses."""
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.0.2.1", "example.org", "")))


def test_secrets_are_compared_whatever_they_hold():
    """Also what is no text."""
    assert same("ä", "ä")
    assert not same("\udcff", "ä")
    assert not same("", "a")


def test_every_answer_has_the_headers_of_a_careful_server():
    """The page, refusals and what does not exist."""

    async def story(world):
        for path in ("/", "/api/setup", "/nothing", "/static/../server.py", "/healthz"):
            _, headers, _ = await world.ask("GET", path)
            for name, value in HEADERS.items():
                assert headers[name] == value

    serve(story)
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "camera=(self), microphone=(self)" in HEADERS["Permissions-Policy"]


def test_a_token_is_asked_for_wherever_something_can_be_done():
    """The page itself is for all; so is whether the server works."""

    async def story(world):
        for path in ("/healthz",):
            assert (await world.ask("GET", path))[0] == 200
        closed = [
            ("GET", "/api/setup"),
            ("POST", "/api/sessions"),
            ("POST", "/api/portraits"),
            ("GET", "/api/portraits/ada/thumbnail"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
            ("POST", "/whip"),
            ("POST", "/whep"),
        ]
        for method, path in closed:
            code, headers, body = await world.ask(method, path)
            assert (code, body["error"]) == (401, "token"), path
            assert headers["WWW-Authenticate"] == "Bearer"
            assert (await world.ask(method, path, token="wrong-token-of-16"))[0] == 401
        assert (await world.ask("GET", "/api/setup", token=TOKEN))[0] == 200
        # whoever had the token once is known by the cookie, for pictures in the page
        code, _, body = await world.ask("GET", "/api/portraits/nobody/thumbnail")
        assert (code, body["error"]) == (404, "portrait")

    serve(story, token=TOKEN)


def test_the_cookie_is_for_this_server_alone():
    """No script reads it, no other site sends it."""

    async def story(world):
        _, headers, _ = await world.ask("GET", "/api/setup")
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        (first,) = world.http.cookie_jar
        await world.ask("GET", "/api/setup")
        (again,) = world.http.cookie_jar
        assert again.value == first.value
        world.http.cookie_jar.clear()
        headers = {"Cookie": "vivant-visitor=invented"}
        await world.ask("GET", "/api/setup", headers=headers)
        (other,) = world.http.cookie_jar
        assert other.value not in ("invented", first.value)

    serve(story)


def test_turn_credentials_are_those_of_the_rest_api_and_expire():
    """As coturn checks them."""
    config = WebConfig(turn="turn:turn.example:3478", turn_secret="a-shared-secret")
    now = datetime(2030, 1, 1, tzinfo=UTC)
    (server,) = ice_servers(config, now)
    expires = int(server.username.partition(":")[0])
    assert expires == int((now + timedelta(hours=1)).timestamp())
    digest = hmac.new(b"a-shared-secret", server.username.encode(), hashlib.sha1).digest()
    assert server.credential == base64.b64encode(digest).decode()
    fixed = WebConfig(turn="turn:t.example", turn_user="me", turn_password="word", stun="stun:s.e")
    stun, turn = ice_servers(fixed)
    assert (stun.urls, stun.username) == ("stun:s.e", None)
    assert (turn.username, turn.credential) == ("me", "word")
    assert ice_servers(WebConfig()) == []
