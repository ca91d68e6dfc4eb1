"""How coroutines end: beside a main one, and on Ctrl-C."""

import asyncio
import signal
import threading
import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_PATIENCE_S = 3.0
"""Ctrl-C again within this time is the same wish; later, it forces the end."""


async def beside(main: Coroutine[Any, Any, None], *helpers: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end, the helpers beside it; then the helpers are cancelled.

    A helper that ends by itself leaves the others alone. Whichever fails first ends all, and its
    own exception is raised; that of `main` has precedence.
    """
    tasks: list[asyncio.Task[None]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(work) for work in (main, *helpers)]
            tasks[0].add_done_callback(lambda _: [task.cancel() for task in tasks[1:]])
    except ExceptionGroup as failures:
        first = tasks[0]
        own = None if first.cancelled() else first.exception()
        raise own or failures.exceptions[0] from None


@contextmanager
def ending_on_ctrl_c() -> Generator[None]:
    """Ctrl-C cancels the current task, once, so that a nervous second one breaks no orderly end.

    When the end takes longer than it may, Ctrl-C raises KeyboardInterrupt as usual. To be used on
    the main thread; elsewhere, and where Ctrl-C is ignored, it does nothing.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    asked: list[float] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if asked and time.monotonic() - asked[0] > _PATIENCE_S:
            before(number, frame)
        if not asked and task is not None:
            asked.append(time.monotonic())
            loop.call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
