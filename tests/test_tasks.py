"""What runs beside the main coroutine ends with it."""

import asyncio
import os
import signal

import pytest

from streamer.tasks import beside, ending_on_ctrl_c


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


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_second_ctrl_c_does_not_break_the_end():
    """The first one cancels; what follows at once is the same wish; the handler is put back."""
    ended: list[str] = []

    async def slow_to_end():
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.01)
            ended.append("orderly")

    async def main():
        with ending_on_ctrl_c():
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
            await beside(slow_to_end())

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert ended == ["orderly"]
    assert signal.getsignal(signal.SIGINT) is before
