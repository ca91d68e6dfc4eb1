"""Coroutines that run beside a main one, and end with it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


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
