"""A page that calls: aiortc as the browser at the other end, on this machine alone."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from streamer.web import rtc
from streamer.web.peer import MediaSettings, Peer, PeerSink
from tests.fakes import MS

ALONE = MediaSettings(loopback=True)
_PERIOD_S = 33 * MS / 1e9


def grey(level: int, width: int = 64, height: int = 48) -> av.VideoFrame:
    """A frame of one level."""
    image = np.full((height, width, 3), level, np.uint8)
    return av.VideoFrame.from_ndarray(image, format="rgb24")


class Film(MediaStreamTrack):
    """Frames that `draw` makes of their number, one a period."""

    kind = "video"

    def __init__(self, draw: Callable[[int], av.VideoFrame] = lambda n: grey(n % 200)) -> None:
        super().__init__()
        self._draw = draw
        self.count = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(_PERIOD_S)
        frame = self._draw(self.count)
        frame.pts, frame.time_base = self.count * 3000, Fraction(1, 90_000)
        self.count += 1
        return frame


class Page:
    """The browser's side of one call."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration([]))
        self.frames: list[av.VideoFrame | av.AudioFrame] = []
        self.said: list[str] = []
        self.channel = self.pc.createDataChannel("vivant")
        self.channel.on("message", self.said.append)
        self._readers: list[asyncio.Task[None]] = []
        self.pc.on("track", lambda track: self._readers.append(_task(self._read(track))))

    async def offer(self) -> str:
        await_local = self.pc.createOffer
        description = await await_local()
        rtc.offer_loopback(self.pc, always=True)
        await self.pc.setLocalDescription(description)
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        await rtc.close(self.pc)
        for reader in self._readers:  # a track that never began does not end either
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                self.frames.append(await track.recv())
        except MediaStreamError:
            pass


def _task(work):
    return asyncio.get_running_loop().create_task(work)


async def until(true: Callable[[], object], what: str) -> None:
    """Wait for a thing to be so; it fails after half a minute."""
    deadline = time.monotonic() + 30 * MS / 1e6
    while not true():
        assert time.monotonic() < deadline, f"never {what}"
        await asyncio.sleep(MS / 1e9)


@asynccontextmanager
async def call(
    *tracks: MediaStreamTrack,
    codec: str | None = None,
    settings: MediaSettings = ALONE,
    before: Callable[[Page], object] = lambda _: None,
) -> AsyncIterator[tuple[Page, Peer]]:
    """A call that is up, between a page that sends `tracks` and a peer with a 64 x 48 sink."""
    page, sink = Page(), PeerSink(64, 48, 30)
    peer = Peer(sink, settings=settings)
    for track in tracks:
        page.pc.addTrack(track)
    before(page)
    try:
        await page.accept(await peer.answer(await page.offer(), codec=codec))
        await until(lambda: page.pc.connectionState == "connected", "connected")
        yield page, peer
    finally:
        await page.close()
        await peer.close()
        sink.close()


def run_leaving_nothing(main: Callable[[], Awaitable[None]]) -> None:
    """Run it; afterwards no task, no thread and no socket of it may be left."""
    threads = set(threading.enumerate())

    async def whole() -> None:
        before = _sockets()
        await main()
        gc.collect()
        await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, f"left: {others}"
        left = [t for t in threading.enumerate() if t not in threads and "asyncio" not in t.name]
        assert not left, f"left: {left}"
        assert _sockets() <= before, "sockets are left"

    asyncio.run(whole())


def _sockets() -> int:
    gc.collect()
    fds = "/proc/self/fd"
    if not os.path.isdir(fds):  # noqa: PTH112
        return 0
    count = 0
    for fd in os.listdir(fds):  # noqa: PTH208
        with suppress(OSError):
            count += os.readlink(f"{fds}/{fd}").startswith("socket:")  # noqa: PTH115
    return count
