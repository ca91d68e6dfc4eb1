"""The mailbox of one."""

import asyncio
import threading

import pytest

from streamer.errors import EndOfStream
from streamer.slot import Slot


def test_the_newest_item_wins():
    """Of two items offered before a take the older is dropped, and the second offer says so."""

    async def scene():
        slot: Slot[int] = Slot()
        assert not slot.offer(1)
        assert slot.offer(2)
        assert await slot.take() == 2
        assert not slot.offer(3)

    asyncio.run(scene())


def test_a_take_waits_for_another_thread():
    """An item offered on a thread wakes the loop."""

    async def scene():
        slot: Slot[int] = Slot()
        threading.Timer(0.01, slot.offer, [7]).start()
        assert await slot.take() == 7

    asyncio.run(scene())


def test_nothing_is_lost_between_two_threads():
    """However thread and loop interleave, the last item arrives and the order holds."""

    async def scene():
        slot: Slot[int] = Slot()

        def produce():
            for number in range(1, 5001):
                slot.offer(number)
            slot.close()

        producer = threading.Thread(target=produce)
        producer.start()
        taken = [item async for item in slot]
        producer.join()
        assert taken == sorted(set(taken))
        assert taken[-1] == 5000

    asyncio.run(scene())


def test_a_closed_slot_is_drained_first():
    """After close the item inside can still be taken; then every take says EndOfStream."""

    async def scene():
        slot: Slot[int] = Slot()
        slot.offer(1)
        slot.close()
        assert await slot.take() == 1
        for _ in range(2):
            with pytest.raises(EndOfStream):
                await slot.take()

    asyncio.run(scene())


def test_closing_wakes_who_waits():
    """A take that waits in an empty slot ends when the slot is closed."""

    async def scene():
        slot: Slot[int] = Slot()
        asyncio.get_running_loop().call_later(0.01, slot.close)
        with pytest.raises(EndOfStream):
            await slot.take()

    asyncio.run(scene())


def test_a_cancelled_take_loses_nothing():
    """An item that comes while a take is being cancelled stays for the next take."""

    async def scene():
        slot: Slot[int] = Slot()
        take = asyncio.create_task(slot.take())
        await asyncio.sleep(0)
        slot.offer(1)
        take.cancel()
        with pytest.raises(asyncio.CancelledError):
            await take
        assert await slot.take() == 1

    asyncio.run(scene())


def test_a_closed_slot_takes_no_offer():
    """Who offers after the end has a bug, and hears of it."""

    async def scene():
        slot: Slot[int] = Slot()
        slot.close()
        with pytest.raises(RuntimeError, match="closed"):
            slot.offer(1)

    asyncio.run(scene())
