"""What runs beside the main coroutine ends with it."""

import asyncio

import pytest

from streamer.tasks import beside


async def forever(ended: list[str]):
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("helper")


async def fails(error: Exception):
    await asyncio.sleep(0)
    raise error


async def at_once():
    pass


def test_helpers_end_with_the_main_one():
    """They are cancelled, and have ended when it returns."""
    ended: list[str] = []
    asyncio.run(beside(asyncio.sleep(0.01), forever(ended), at_once()))
    assert ended == ["helper"]


def test_the_main_ones_own_exception_comes_out():
    """Not a group: its type decides the exit code."""
    ended: list[str] = []
    with pytest.raises(OSError, match="mine"):
        asyncio.run(beside(fails(OSError("mine")), forever(ended)))
    assert ended == ["helper"]


def test_a_helper_that_fails_ends_the_main_one():
    """Nothing goes on half."""
    ended: list[str] = []
    with pytest.raises(ValueError, match="helper"):
        asyncio.run(beside(forever(ended), fails(ValueError("helper"))))
    assert ended == ["helper"]


def test_cancelled_from_outside_all_end():
    """Ctrl-C ends the helpers, too."""
    ended: list[str] = []

    async def main():
        task = asyncio.create_task(beside(forever(ended), forever(ended)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == ["helper", "helper"]
