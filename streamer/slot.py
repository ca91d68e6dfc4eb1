"""The mailbox of one between two stages: the newest wins, so a slow stage builds no queue."""

import asyncio
import threading
from typing import Generic

from streamer.errors import EndOfStream
from streamer.frame import T


class Slot(Generic[T]):
    """Holds at most one item. Any thread offers and closes; one coroutine takes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._ready = asyncio.Event()
        self._item: T | None = None
        self._closed = False

    def offer(self, item: T) -> bool:
        """Put `item` in, in place of an older one. True when an older one was dropped by that."""
        with self._lock:
            if self._closed:
                raise RuntimeError("offered to a closed slot")
            was_empty = self._item is None
            self._item = item
        if was_empty:  # one wake-up per change from empty to full: none is lost, none is stacked
            self._wake()
        return not was_empty

    def close(self) -> None:
        """Nothing more will be offered. What is in the slot can still be taken."""
        with self._lock:
            self._closed = True
        self._wake()

    async def take(self) -> T:
        """The newest item, as soon as there is one. EndOfStream when the slot is closed and empty.

        A cancelled take loses nothing: the item stays for the next one.
        """
        await self._ready.wait()
        with self._lock:
            item, self._item = self._item, None
            if not self._closed:
                self._ready.clear()
        if item is None:
            raise EndOfStream
        return item

    def __aiter__(self) -> "Slot[T]":
        return self

    async def __anext__(self) -> T:
        try:
            return await self.take()
        except EndOfStream:
            raise StopAsyncIteration from None

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._ready.set)
