"""Who may ask: which hosts it answers as, whose pages, with which token, and how often.

A browser is made to attack servers near it in three ways. A page of another site sends requests:
`Origin` and `Sec-Fetch-Site` give it away. A name of the attacker is pointed at this computer:
`Host` gives it away, since only our own names and plain addresses are answered. And whoever reaches
the port can guess: the token is long, compared in constant time, and few guesses are heard.
"""

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from streamer.clock import Clock, monotonic_ns
from streamer.web.buckets import Buckets
from streamer.web.refusal import Refusal
from streamer.webconfig import WebConfig

Entry = Literal["open", "token", "key", "seen"]
"""Who may ask for something: anybody; who has the token; who has the session's key; who has
the token, or a visitor's cookie that was given for it."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self';"
    " manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(), geolocation=(),"
    " usb=(), serial=(), hid=(), midi=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "Server": "vivant",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?")
_GUESSES, _GUESSES_PER_S = 10, 1 / 6


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides whether it is answered."""

    address: str
    method: str
    host: str
    """The header as it came."""
    origin: str | None
    site: str | None
    """Sec-Fetch-Site"""
    mode: str | None
    """Sec-Fetch-Mode"""
    token: str
    """Empty without one."""


def is_loopback(host: str) -> bool:
    """Whether only programs on this computer reach it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def same(given: str, secret: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass")
    )


class Access:
    """The rules of one server. On loopback there is no token unless one is set."""

    def __init__(self, config: WebConfig, clock: Clock = monotonic_ns) -> None:
        self.loopback = is_loopback(config.host)
        self.token = config.token or ("" if self.loopback else secrets.token_urlsafe(24))
        """Empty: none is needed."""
        self._names = _names(config, loopback=self.loopback)
        burst = config.requests_per_s * 5
        self._requests = Buckets(config.requests_per_s, burst, clock)
        self._all = Buckets(config.requests_per_s * 10, burst * 10, clock)
        self._guesses = Buckets(_GUESSES_PER_S, _GUESSES, clock)

    def check(self, asked: Asked, entry: Entry) -> None:
        """Refusal when the request may not be answered. Keys and cookies are for others to judge.

        The order matters: what costs nothing and tells nothing comes first.
        """
        self._check_host(asked)
        _check_site(asked, entry)
        self._check_rate(asked)
        if entry == "token":
            self.check_token(asked)

    def check_token(self, asked: Asked) -> None:
        """Refusal when a token is needed and this is not it, or too many others were tried."""
        if not self.token:
            return
        if wait_s := self._guesses.wait(asked.address):
            raise Refusal(
                *(429, "guesses", "too many wrong tokens came from this address; wait a minute"),
                wait_s,
            )
        if same(asked.token, self.token):
            return
        if asked.token:
            self._guesses.take(asked.address)
            raise Refusal(
                401, "token", "the token is wrong; open the link that `vivant serve` printed last"
            )
        raise Refusal(401, "token", "a token is needed; open the link that `vivant serve` printed")

    def _check_host(self, asked: Asked) -> None:
        found = _HOST.fullmatch(asked.host)
        name = found[1].strip("[]").lower().rstrip(".") if found else ""
        if name in self._names or (not self.loopback and _is_address(name)):
            return
        raise Refusal(
            *(403, "host", "this server is not asked by that name; add it to web.names"),
        )

    def _check_rate(self, asked: Asked) -> None:
        wait_s = self._requests.take(asked.address) or self._all.take("")
        if wait_s:
            raise Refusal(429, "rate", "too many requests; slow down", wait_s)


def _names(config: WebConfig, *, loopback: bool) -> frozenset[str]:
    """The names, in small letters, by which browsers may ask for this server."""
    names = {*_LOOPBACK, *config.names, config.host}
    if not loopback:
        own = socket.gethostname()
        names |= {own, f"{own.partition('.')[0]}.local"}
    return frozenset(name.lower() for name in names)


def _is_address(name: str) -> bool:
    """Whether it is no name at all: then no name server can have pointed it here."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_site(asked: Asked, entry: Entry) -> None:
    """Refusal of what another site's page sends. Following a link to the page is allowed."""
    follows_link = asked.mode == "navigate" and asked.method == "GET" and entry == "open"
    site_is_ours = asked.site in (None, "same-origin", "none") or follows_link
    if asked.origin is None:
        is_ours = True
    elif asked.origin == "null":  # what a page says of itself under our Referrer-Policy, at its end
        is_ours = asked.site == "same-origin" or entry == "key"
    else:
        is_ours = urlsplit(asked.origin).netloc.lower() == asked.host.lower()
    if not (site_is_ours and is_ours):
        raise Refusal(403, "origin", "pages of other sites cannot use this server")
