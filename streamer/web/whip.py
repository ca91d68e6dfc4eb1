"""WHIP and WHEP: other programs send a face and play a portrait, each with one request.

WHIP (RFC 9725) begins a session without a page: OBS, GStreamer and the like send their video, which
drives a portrait. WHEP plays the pictures of a session to any program that speaks it. Both take
further addresses by PATCH (trickle ICE). Neither begins an ICE session anew: that is answered 422,
as the RFC has it, and who lost the way begins a new session.
"""

import logging
import secrets
from collections.abc import Callable, Sequence

from aiohttp import web

from streamer.web.ice import IceServer
from streamer.web.models import LONGEST_SDP
from streamer.web.offer import PeerError, read_offer
from streamer.web.peer import Peer
from streamer.web.receive import body_of
from streamer.web.refusal import Refusal
from streamer.web.session import Session
from streamer.web.sessions import Sessions
from streamer.web.trickle import FRAGMENT, LONGEST_FRAGMENT, read_fragment
from streamer.web.visitors import Visitors

SDP = "application/sdp"
_WISHES = ("portrait", "background")
_RETRY_S = 2
_log = logging.getLogger(__name__)


def add_whip(
    app: web.Application,
    sessions: Sessions,
    visitors: Visitors,
    servers: Callable[[], Sequence[IceServer]],
) -> None:
    """Add the routes. What is wrong with a request is raised as Refusal, for the app to answer.

    Whoever may not ask at all has been refused before; `servers` are for one client, from now on.
    """
    ingest, playback = _Ingest(sessions, visitors, servers), _Playback(sessions, servers)
    for path, whose in (("/whip", ingest), ("/whep", playback)):
        app.router.add_route("POST", path, whose.begin)
        app.router.add_route("OPTIONS", path, _tell_types)
        app.router.add_route("DELETE", f"{path}/{{id}}", whose.end)
        app.router.add_route("PATCH", f"{path}/{{id}}", whose.extend)
        app.router.add_route("OPTIONS", f"{path}/{{id}}", _tell_types)


class _Ingest:
    """WHIP. The name of the session is that of its resource."""

    def __init__(
        self, sessions: Sessions, visitors: Visitors, servers: Callable[[], Sequence[IceServer]]
    ) -> None:
        self._sessions = sessions
        self._visitors = visitors
        self._servers = servers

    async def begin(self, request: web.Request) -> web.Response:
        """A session for a sender; the query may name a portrait and a background."""
        sdp = await _offer(request, "sendonly")
        wishes = {name: request.query[name] for name in _WISHES if name in request.query}
        visitor = self._visitors.welcome(None)
        address = request.remote or ""
        session, answer = await self._sessions.open_session(sdp, None, wishes, visitor, address)
        _log.info("session %s is fed by WHIP", session.id[:6])
        created = _created("/whip", session.id, answer, self._servers())
        created.headers["X-Session-Key"] = session.key
        return created

    async def extend(self, request: web.Request) -> web.Response:
        """Further addresses of the sender."""
        peer = _by_name(self._sessions, request.match_info["id"]).peer
        return await _extended(request, peer)

    async def end(self, request: web.Request) -> web.Response:
        """The sender hangs up."""
        session = _by_name(self._sessions, request.match_info["id"])
        session.end("left")
        return web.Response()


class _Playback:
    """WHEP. Each player is a resource of its own."""

    def __init__(self, sessions: Sessions, servers: Callable[[], Sequence[IceServer]]) -> None:
        self._sessions = sessions
        self._servers = servers
        self._players: dict[str, tuple[Session, Peer]] = {}

    async def begin(self, request: web.Request) -> web.Response:
        """The pictures of the session named in the query, or of the newest."""
        sdp = await _offer(request, "recvonly")
        name = request.query.get("session")
        session = self._newest() if name is None else _by_name(self._sessions, name)
        player, answer = await self._sessions.watch(session, sdp)
        self._forget_gone()
        resource = secrets.token_hex(8)
        self._players[resource] = session, player
        return _created("/whep", resource, answer, self._servers())

    async def extend(self, request: web.Request) -> web.Response:
        """Further addresses of the player."""
        _, player = self._found(request)
        return await _extended(request, player)

    async def end(self, request: web.Request) -> web.Response:
        """The player hangs up."""
        session, player = self._found(request)
        del self._players[request.match_info["id"]]
        session.viewers.discard(player)
        await player.close()
        return web.Response()

    def _found(self, request: web.Request) -> tuple[Session, Peer]:
        self._forget_gone()
        found = self._players.get(request.match_info["id"])
        if found is None:
            raise Refusal(404, "player", "there is no such player; it may have ended already")
        return found

    def _newest(self) -> Session:
        there = [session for session in self._sessions.all if not session.reason]
        if not there:
            raise Refusal(404, "session", "nobody is in a session; begin one first", _RETRY_S)
        return there[-1]

    def _forget_gone(self) -> None:
        """Those whose connection is gone have been closed by their session."""
        for name, (_, player) in list(self._players.items()):
            if player.lost.is_set():
                del self._players[name]


async def _offer(request: web.Request, direction: str) -> str:
    """The SDP of a request. Refusal when it is none, or its video does not go in `direction`."""
    if request.content_type != SDP:
        raise Refusal(415, "type", f"send the offer as {SDP}")
    accepted = request.headers.get("Accept", "*/*").lower()
    if not any(kind in accepted for kind in (SDP, "application/*", "*/*")):
        raise Refusal(406, "accept", f"the answer is {SDP}; accept it")
    body = await request.read()
    if len(body) > LONGEST_SDP:
        raise Refusal(413, "size", f"an offer has at most {LONGEST_SDP} bytes")
    try:
        sdp = body.decode()
        media = read_offer(sdp)
    except (UnicodeDecodeError, PeerError) as error:
        raise Refusal(400, "offer", str(error)[:300]) from None
    ways = [section.direction for section in media if section.kind == "video"]
    if not {direction, "sendrecv"}.intersection(ways):
        raise Refusal(422, "offer", f"the offer must have video that is {direction}")
    return sdp


async def _extended(request: web.Request, peer: Peer) -> web.Response:
    """The answer to further addresses. Refusal when they cannot be used."""
    if request.content_type != FRAGMENT:
        raise Refusal(415, "type", f"send candidates as {FRAGMENT}")
    expected = request.headers.get("If-Match", "*")
    if expected not in ("*", _tag(request.match_info["id"])):
        raise Refusal(412, "version", "If-Match must be the ETag that came with the answer")
    try:
        fragment = read_fragment((await body_of(request, LONGEST_FRAGMENT)).decode())
        if peer.is_other(fragment):
            raise Refusal(
                *(422, "restart"),
                "an ICE session is not begun anew here; begin a new session with POST",
            )
        await peer.add_candidates(fragment)
    except (UnicodeDecodeError, PeerError) as error:
        raise Refusal(400, "fragment", str(error)[:300]) from None
    return web.Response(status=204)


def _by_name(sessions: Sessions, name: str) -> Session:
    for session in sessions.all:
        if session.id == name and not session.reason:
            return session
    raise Refusal(404, "session", "there is no such session; it may have ended already")


def _created(path: str, name: str, answer: str, servers: Sequence[IceServer]) -> web.Response:
    response = web.Response(status=201, text=answer, content_type=SDP)
    response.headers["Location"] = f"{path}/{name}"
    response.headers["ETag"] = _tag(name)
    response.headers["Accept-Patch"] = FRAGMENT
    for server in servers:
        response.headers.add("Link", _link(server))
    return response


def _tag(name: str) -> str:
    """The version of a resource: it has but one."""
    return f'"{name}"'


def _link(server: IceServer) -> str:
    """A STUN or TURN server, as a header of RFC 9725."""
    parts = [f"<{server.urls}>", 'rel="ice-server"']
    if server.username is not None and server.credential is not None:
        parts.append(f'username="{_quoted(server.username)}"')
        parts.append(f'credential="{_quoted(server.credential)}"')
        parts.append('credential-type="password"')
    return "; ".join(parts)


def _quoted(text: str) -> str:
    """Text within the quotes of a header."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


async def _tell_types(request: web.Request) -> web.Response:
    """What can be sent here; also to browsers that ask before they send."""
    if "id" in request.match_info:
        headers = {"Accept-Patch": FRAGMENT, "Allow": "DELETE, OPTIONS, PATCH"}
    else:
        headers = {"Accept-Post": SDP, "Allow": "POST, OPTIONS"}
    return web.Response(status=204, headers=headers)
