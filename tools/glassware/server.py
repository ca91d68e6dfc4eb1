"""The servers that are measured, each in a process of its own: two echoes and the whole avatar."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import aiortc
from aiohttp import web
from aiortc.codecs import get_capabilities

from streamer.app import Live, controls_of, open_portrait, open_session
from streamer.config import Config, load, with_values
from streamer.control import Desk
from streamer.errors import EndOfStream
from streamer.frame import Image, Shot
from streamer.pipeline import Stages
from streamer.stages import Generator
from streamer.web import rtc
from streamer.web.peer import MediaSettings, Peer, PeerSink

CELLS = 48
"""Side of the thumbnails that the page takes."""
_PAGE = Path(__file__).with_name("page.html")
Answer = Callable[[str], Awaitable[str]]
Ends = list[Callable[[], Awaitable[None]]]
"""What closes the calls."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One server that is measured."""

    kind: str
    """stock, echo or avatar; serve is the real server, see process.py"""
    side: int
    codec: str
    slow_ms: float = 0.0
    """Work that is added to each picture."""
    loopback: bool = False


def serve(subject: Subject, port: int) -> None:
    """Until the process is told to end."""
    app = web.Application()
    ends: Ends = []
    answer = (_stock if subject.kind == "stock" else _ours)(subject, ends)
    page = _PAGE.read_text().replace("SIDE", str(subject.side)).replace("CELLS", str(CELLS))

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    async def take(request: web.Request) -> web.Response:
        return web.Response(text=await answer(await request.text()))

    async def close(_: web.Application) -> None:
        for end in ends:
            await end()

    app.on_shutdown.append(close)
    app.router.add_get("/", show)
    app.router.add_post("/offer", take)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


def _stock(subject: Subject, ends: Ends) -> Answer:
    """The library as it is: the frame that came goes back."""

    async def answer(sdp: str) -> str:
        pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration([]))
        ends.append(pc.close)
        wanted = (f"video/{subject.codec}", "video/rtx")
        codecs = [c for c in get_capabilities("video").codecs if c.mimeType in wanted]
        transceiver = pc.addTransceiver("video", direction="sendrecv")
        transceiver.setCodecPreferences(codecs)

        @pc.on("track")
        def _(track: aiortc.MediaStreamTrack) -> None:
            transceiver.sender.replaceTrack(track)

        await pc.setRemoteDescription(aiortc.RTCSessionDescription(sdp, "offer"))
        rtc.offer_loopback(pc, always=subject.loopback)
        await pc.setLocalDescription(await pc.createAnswer())
        return pc.localDescription.sdp

    return answer


def _ours(subject: Subject, ends: Ends) -> Answer:
    """Our own peer: its frames go straight back, or through the whole pipeline."""

    async def answer(sdp: str) -> str:
        sink = PeerSink(subject.side, subject.side, 30)
        peer = Peer(sink, settings=MediaSettings(loopback=subject.loopback))
        reply = await peer.answer(sdp, codec=subject.codec)
        ends.append(peer.close)
        work = _echo(peer, subject) if subject.kind == "echo" else _animate(peer, subject)
        running = asyncio.get_running_loop().create_task(work)
        running.add_done_callback(lambda task: task.cancelled() or task.result())
        return reply

    return answer


async def _echo(peer: Peer, subject: Subject) -> None:
    def loop() -> None:
        try:
            while True:
                image = peer.camera.read()
                if image is not None and image.shape[0] == subject.side == image.shape[1]:
                    time.sleep(subject.slow_ms / 1000)
                    peer.sink.send(image)
        except EndOfStream:
            pass

    thread = threading.Thread(target=loop, name="echo")
    thread.start()
    await peer.lost.wait()
    await peer.close()
    thread.join()


async def _animate(peer: Peer, subject: Subject) -> None:
    config = with_values(load(), {"generator.size": subject.side, "sink.size": (subject.side,) * 2})
    desk = Desk(controls_of(config))
    with _opened(config, desk, peer, subject) as live:
        await live.run()


def _opened(
    config: Config, desk: Desk, peer: Peer, subject: Subject
) -> AbstractContextManager[Live]:
    def slower(stages: Stages) -> Stages:
        return replace(stages, generator=_Slow(stages.generator, subject.slow_ms))

    return open_session(config, desk, peer.camera, peer.sink, open_portrait, change=slower)


class _Slow:
    """A generator that takes longer."""

    def __init__(self, inner: Generator, slow_ms: float) -> None:
        self._inner = inner
        self._slow_ms = slow_ms

    def generate(self, shot: Shot) -> Image:
        """One picture."""
        time.sleep(self._slow_ms / 1000)
        return self._inner.generate(shot)
