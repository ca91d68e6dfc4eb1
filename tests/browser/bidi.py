"""WebDriver BiDi: steers a browser that playwright has not, over one WebSocket."""

import asyncio
import itertools
import threading
from concurrent.futures import Future
from typing import Any

import aiohttp

ANSWER_S = 120
"""Longest that a browser may take for one command, whatever else the machine does."""


class BidiError(Exception):
    """The browser refuses a command, or has gone."""


class Bidi:
    """One connection. Its loop has a thread of its own; `ask` blocks, from any thread."""

    def __init__(self, url: str) -> None:
        self.heard: list[dict[str, Any]] = []
        """Events, as they came."""
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bidi")
        self._thread.start()
        self._run(self._open(url))

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command; its result. BidiError when it is refused."""
        number = next(self._numbers)
        self._waiting[number] = answer = Future()
        self._run(self._socket.send_json({"id": number, "method": method, "params": parameters}))
        return answer.result(ANSWER_S)

    def close(self) -> None:
        """Hang up."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    async def _open(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(url, max_msg_size=0)
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def _close(self) -> None:
        await self._socket.close()
        await self._listening
        await self._session.close()

    async def _listen(self) -> None:
        async for message in self._socket:
            told = message.json()
            if told["type"] == "event":
                self.heard.append(told)
            elif (answer := self._waiting.pop(told["id"], None)) is None:
                continue
            elif told["type"] == "success":
                answer.set_result(told["result"])
            else:
                answer.set_exception(BidiError(f"{told['error']}: {told['message']}"))
        for answer in self._waiting.values():
            answer.set_exception(BidiError("the browser has gone"))
