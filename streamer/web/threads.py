"""Blocking work beside the loop, on threads of our own: the library encodes on the default ones."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Threads:
    """A few threads. Used with `with`: leaving it waits for what is being done."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="web")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def call(self, work: Callable[..., T], *args: object) -> T:
        """What `work` returns. When cancelled, waits for it to end; the loop runs on."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            if not future.cancelled():
                future.exception()  # seen: it is not to be told as forgotten
            raise

    @asynccontextmanager
    async def opened(self, manager: AbstractContextManager[T]) -> AsyncGenerator[T]:
        """The value of a context that takes its time to enter and to leave."""
        with ExitStack() as last:
            stack = ExitStack()
            last.callback(stack.close)  # does nothing when it was closed on a thread before
            value = await self.call(lambda: stack.enter_context(manager))
            try:
                yield value
            finally:
                await self.call(stack.close)


class OwnThread:
    """In place of a sender's event loop, of which it asks one thing: to run its encoder."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def run_in_executor(
        self, _: None, function: Callable[..., Any], *arguments: object
    ) -> "asyncio.Future[Any]":
        """Run it on the sender's own thread."""
        return asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
