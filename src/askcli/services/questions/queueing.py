"""Users take turns at what takes long in the store: searches, pages and imports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from uuid import UUID

from askcli.errors import Unavailable
from askcli.fair_queue import FairQueue, Place
from askcli.store import deadline
from askcli.store.database import Database, admission, failures


def queue(slots: int, waiting: int, name: str) -> FairQueue:
    """Return a queue with so many slots, in which so many may wait."""
    detail = f"Too many {name} are under way; try again shortly."
    return FairQueue(slots, waiting, partial(Unavailable, detail, retry_after=2))


@asynccontextmanager
async def turn(
    database: Database, queue: FairQueue, user_id: UUID, *, is_one_unit: bool = True
) -> AsyncIterator[None]:
    """Wait for the user's turn, in the time that the block's unit of work has, if it is one.

    A caller who has to wait is checked before that, and after it by the unit. Raises Unavailable
    when the turn does not come in time, or too many wait.
    """
    with deadline.within(database.unit_seconds) if is_one_unit else nullcontext():
        if not queue.is_free(str(user_id)):
            await database.check_caller()
        with queue.reserve(str(user_id)) as place:
            if not place.is_granted:
                await _slot(place)
                admission.renew()
            yield


async def _slot(place: Place) -> None:
    """Wait for the slot. Raises Unavailable at the deadline."""
    try:
        async with asyncio.timeout(deadline.remaining()):
            await place.slot()
    except TimeoutError:
        raise failures.unavailable("is too busy") from None
