"""A network that loses, delays and reorders: a UDP relay between a browser and the server.

The browser is told the relay's address in place of the server's, and the server none of the
browser's, so that every datagram of a session goes through the relay.
"""

import asyncio
import random
import re
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host.*", re.IGNORECASE)
_LARGEST_QUEUE_S = 0.2
"""A router's queue: what would wait longer there is dropped."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What befalls datagrams, each way."""

    loss: float = 0.0
    """Share that never arrives."""
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Up to so much more, anew for each datagram, so that they overtake each other."""
    kbps: float = 0.0
    """What a bottleneck lets through; 0: there is none."""


CALM = Weather()
NOTHING = Weather(loss=1.0)


class Relay:
    """One session's way. `weather` may be changed at any time, from any thread."""

    def __init__(self, seed: int = 1) -> None:
        self.weather = CALM
        self.counts: Counter[str] = Counter()
        """Datagrams by direction and fate: "up", "up lost"; "up" goes to the server."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")
        self._up, self._down = _Way("up", seed, self), _Way("down", seed + 1, self)
        self._browser: Any = None
        self._server: Any = None

    def __enter__(self) -> "Relay":
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def without_candidates(self, offer: str) -> str:
        """The browser's offer, from which the server does not learn where the browser is."""
        told = ("a=candidate", "a=end-of-candidates")
        return "".join(
            line for line in offer.splitlines(keepends=True) if not line.startswith(told)
        )

    def through(self, answer: str) -> str:
        """The server's answer, with the relay in the place of the server."""
        lines = answer.splitlines()
        found = [match for line in lines if (match := _CANDIDATE.fullmatch(line))]
        own = [match for match in found if match[1] == HOST]
        assert own, f"the server offers no {HOST}"
        self._up.target = HOST, int(own[0][2])
        port = self._browser.get_extra_info("sockname")[1]
        there = f"a=candidate:1 1 udp 2130706431 {HOST} {port} typ host"
        kept: list[str] = []
        for line in lines:
            if not line.startswith("a=candidate"):
                kept.append(line)
            elif kept[-1] != there:
                kept.append(there)
        return "\r\n".join(kept) + "\r\n"

    async def _open(self) -> None:
        def end(way: _Way, back: _Way) -> Any:
            address = (HOST, 0)
            return self._loop.create_datagram_endpoint(lambda: _End(way, back), address)

        self._browser, _ = await end(self._up, self._down)
        self._server, _ = await end(self._down, self._up)
        self._up.out, self._down.out = self._server, self._browser

    async def _close(self) -> None:
        for transport in (self._browser, self._server):
            transport.close()
        await asyncio.sleep(0)

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _Way:
    """One direction."""

    def __init__(self, name: str, seed: int, relay: Relay) -> None:
        self.out: Any = None
        self.target: tuple[str, int] | None = None
        """Where its datagrams go; that of "down" is learnt from what comes up."""
        self._name = name
        self._relay = relay
        self._dice = random.Random(seed)
        self._free_at = 0.0

    def pass_on(self, data: bytes) -> None:
        """Let one datagram go its way, or not."""
        weather, counts = self._relay.weather, self._relay.counts
        counts[self._name] += 1
        lost, late = self._dice.random() < weather.loss, self._dice.random()
        wait = self._queued(len(data), weather.kbps)
        if lost or wait is None or self.target is None:
            counts[f"{self._name} lost"] += 1
            return
        wait += (weather.delay_ms + weather.jitter_ms * late) / 1000
        if wait:
            asyncio.get_running_loop().call_later(wait, self._send, data)
        else:
            self._send(data)

    def _queued(self, size: int, kbps: float) -> float | None:
        """Seconds in the bottleneck's queue; None: it is full."""
        if not kbps:
            return 0.0
        now = asyncio.get_running_loop().time()
        wait = max(0.0, self._free_at - now)
        if wait > _LARGEST_QUEUE_S:
            return None
        self._free_at = now + wait + size * 8 / 1000 / kbps
        return self._free_at - now

    def _send(self, data: bytes) -> None:
        if not self.out.is_closing():
            self.out.sendto(data, self.target)


class _End(asyncio.DatagramProtocol):
    """A socket: what comes goes on by `way`, and `back` learns who sent it."""

    def __init__(self, way: _Way, back: _Way) -> None:
        self._way = way
        self._back = back

    def connection_made(self, transport: Any) -> None:
        """Room for a keyframe that comes all at once."""
        room = 1 << 20
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """From one side to the other."""
        self._back.target = addr
        self._way.pass_on(data)
