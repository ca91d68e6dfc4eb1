"""What is done now and then."""

import asyncio

from streamer.web.visitors import Visitors

_EVERY_S = 5.0


async def tidying(visitors: Visitors) -> None:
    """Delete what visitors left behind, until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        visitors.tidy()
