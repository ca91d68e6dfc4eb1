"""The users' sessions: who is let in, what each consists of, and how each ends.

A session is a peer, and a pipeline between its camera and its sink. It ends when the page says so,
when its peer is lost or silent, when a stage fails, or when the server does. Whatever ends it, the
pipeline's threads have ended, and the peer is closed, before it is forgotten.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from streamer.app import Live
from streamer.clock import SECOND, Clock, monotonic_ns
from streamer.config import Config, with_values
from streamer.control import Desk
from streamer.errors import StreamerError
from streamer.generator.workshop import Figures
from streamer.tasks import beside
from streamer.web.access import same
from streamer.web.admission import DRAINING, Admission
from streamer.web.beginning import Beginning
from streamer.web.memory import give_back
from streamer.web.peer import Peer, PeerError
from streamer.web.portraits import Catalogue
from streamer.web.refusal import Refusal
from streamer.web.session import Network, Opening, Session
from streamer.web.threads import Threads
from streamer.web.visitors import Visitor, Visitors
from streamer.webconfig import Codec, WebConfig

_ANSWER_S = 10.0
"""An offer may take to answer: the search for addresses is part of it."""
_TELL_S = 0.25
"""Between two messages about the state."""
_STATS_EVERY = 4
"""Of those messages: figures of the connection."""
_FIRST_S, _SILENT_S = 9.0, 7.0
"""Without video, at the beginning and later: then the peer is taken to have vanished."""
_VIEWERS = 4
"""Of one session."""
_log = logging.getLogger(__name__)


class Sessions:
    """All sessions of a server. Belongs to the loop."""

    def __init__(
        self,
        settings: tuple[Config, WebConfig],
        catalogue: Catalogue,
        visitors: Visitors,
        network: Network,
        opening: Opening,
        clock: Clock = monotonic_ns,
        engines: Callable[[], Figures] = Figures,
    ) -> None:
        self.config, self.web = settings
        self.draining = False
        self.begin = Beginning(self.config, catalogue)
        self.admission = Admission(self.web, self.config.latency.budget_ms, clock)
        self.counts: Counter[str] = Counter()
        """Since the start: sessions opened, and ended by reason."""
        self.engines = engines
        """How those do that the sessions share."""
        self._catalogue = catalogue
        self._visitors = visitors
        self._network = network
        self._opening = opening
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._none_left = asyncio.Event()
        self._none_left.set()
        self._threads = Threads(2 + self.web.max_sessions)
        self._group: asyncio.TaskGroup | None = None
        self._helpers: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Sessions can be opened within the block; leaving it ends all and waits for their end."""
        with self._threads:
            try:
                async with asyncio.TaskGroup() as self._group:
                    try:
                        yield
                    finally:
                        await self._end()
            except ExceptionGroup as failures:  # only the block itself raises
                raise failures.exceptions[0] from None
            finally:
                self._group = None

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the sessions; its failure is told, and hurts nothing else."""
        assert self._group is not None
        task = self._group.create_task(_told(work))
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)
        return task

    @property
    def all(self) -> list[Session]:
        """Those that are open, ending ones included."""
        return list(self._sessions.values())

    @property
    def open(self) -> int:
        """How many places are taken."""
        return sum(1 for session in self._sessions.values() if not session.reason)

    def find(self, name: str, key: str) -> Session:
        """The session; Refusal where there is none, or the key is another's."""
        session = self._sessions.get(name)
        if session is None or not same(key, session.key):
            raise Refusal(404, "session", "there is no such session, or this is not its key")
        return session

    async def open_session(
        self,
        sdp: str,
        codec: Codec | None,
        wishes: Mapping[str, Any],
        visitor: Visitor,
        address: str,
    ) -> tuple[Session, str]:
        """A session for an offer, and the answer to it. Refusal when that cannot be."""
        desk = Desk(self.begin.controls(visitor))
        if wishes:
            self.begin.edit(desk, json.dumps(wishes).encode())
        if self.draining:
            raise self.admission.refused(*DRAINING)
        self.admission.check(self.all, visitor, address)
        session = Session(self._network, desk, visitor, address, self._clock)
        self._sessions[session.id] = session
        self._none_left.clear()
        self._visitors.opened(visitor)
        try:
            answer = await _answered(session.peer, sdp, codec or self.web.codec)
            assert self._group is not None
            self._group.create_task(self._serve(session))
        except BaseException:
            session.end("failed")
            await session.peer.close()
            self._forget(session)
            raise
        self.counts["opened"] += 1
        return session, answer

    async def watch(self, session: Session, sdp: str) -> tuple[Peer, str]:
        """Somebody who only watches a session, and the answer for them."""
        if len(session.viewers) >= _VIEWERS:
            raise Refusal(429, "viewers", f"{_VIEWERS} watch this session already; close one")
        viewer = self._network.peer(session.sink, lambda: 0)
        session.viewers.add(viewer)
        try:
            answer = await _answered(viewer, sdp, self.web.codec)
        except BaseException:
            session.viewers.discard(viewer)
            await viewer.close()
            raise
        self.start(_until_lost(session, viewer))
        return viewer, answer

    def offer_portrait(self, name: str) -> None:
        """A portrait is ready: whoever may see it can now ask for it."""
        for session in self._sessions.values():
            names = self._catalogue.ready(session.visitor.name)
            if name in names:
                session.desk.edit(lambda c, names=names: replace(c, portraits=names))

    def withdraw_portrait(self, name: str) -> None:
        """A portrait is deleted: whoever shows it goes over to another."""
        for session in self._sessions.values():
            names = tuple(n for n in session.desk.controls.portraits if n != name)
            session.desk.edit(
                lambda c, names=names: replace(
                    c, portraits=names, portrait=names[0] if c.portrait == name else c.portrait
                )
            )

    async def drain(self) -> None:
        """Let nobody in; tell those who are there, and end them after a few seconds."""
        self.draining = True
        for session in self._sessions.values():
            session.peer.tell({"t": "draining", "seconds": self.web.drain_s})
        try:
            async with asyncio.timeout(self.web.drain_s):
                await self._none_left.wait()
        except TimeoutError:
            self._end_all()
            await self._none_left.wait()

    async def _end(self) -> None:
        self.draining = True
        self._end_all()
        await self._none_left.wait()
        for task in self._helpers:
            task.cancel()

    def _end_all(self) -> None:
        for session in self._sessions.values():
            session.end("stopped")

    async def _serve(self, session: Session) -> None:
        """A session from its answer to its end."""
        try:
            config = with_values(self.config, {"portrait": session.desk.controls.portrait})
            manager = self._opening(config, session.desk, session.peer.camera, session.sink)
            async with self._threads.opened(manager) as session.live:
                await beside(_ending(session), _run(session, session.live), self._report(session))
        except StreamerError as error:
            session.end("failed", str(error).partition("\n")[0])
            _log.warning("session %s failed: %s", session.id[:6], error)
        except Exception as error:  # noqa: BLE001  (its outermost frame: the others go on)
            session.end("failed")
            _log.warning("session %s failed: %r", session.id[:6], error)
        finally:
            session.end("stopped")
            try:
                await _closed(session)
                session.live = None
                await self._threads.call(partial(give_back, idle=len(self._sessions) == 1))
            finally:
                self._forget(session)

    async def _report(self, session: Session) -> None:
        """Tell the page how it goes; see whether video still comes."""
        patience_s, count = _FIRST_S, 0
        while True:
            await asyncio.sleep(_TELL_S)
            now_ns = self._clock()
            if session.peer.camera.fps > 0:
                session.seen_ns, patience_s = now_ns, _SILENT_S
            elif now_ns - session.seen_ns > patience_s * SECOND:
                session.end("silent")
            if count % _STATS_EVERY == 0:
                session.stats = await session.peer.stats()
            count += 1
            status = session.status(self.open).model_dump()
            session.peer.tell({"t": "status", **status})

    def _forget(self, session: Session) -> None:
        self.counts[f"ended {session.reason}"] += 1
        self._visitors.ended(session.visitor, session.desk.controls)
        self._sessions.pop(session.id, None)
        _log.info("session %s is over: %s", session.id[:6], session.message)
        if not self._sessions:
            self._none_left.set()


async def _ending(session: Session) -> None:
    await session.ending()
    session.end("lost")


async def _run(session: Session, live: Live) -> None:
    await live.run()
    session.end("over")


async def _answered(peer: Peer, sdp: str, codec: Codec | None) -> str:
    """The answer to an offer; Refusal when there can be none."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            return await peer.answer(sdp, codec=codec)
    except TimeoutError:
        raise Refusal(504, "slow", "the connection could not be prepared in time") from None
    except PeerError as error:
        raise Refusal(400, "offer", str(error)[:300]) from None


async def _closed(session: Session) -> None:
    """Say why it ends, and close whoever is connected."""
    session.peer.tell({"t": "ended", "reason": session.reason, "message": session.message})
    for viewer in (*session.viewers, session.peer):
        try:
            await viewer.close()
        except Exception as error:  # noqa: BLE001  (the others are to be closed, too)
            _log.warning("a connection did not close well: %r", error)
    session.sink.close()


async def _until_lost(session: Session, viewer: Peer) -> None:
    await session.ending(viewer)
    session.viewers.discard(viewer)
    await viewer.close()


async def _told(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001  (beside the sessions: they go on)
        _log.warning("failed: %r", error)
