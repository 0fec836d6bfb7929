"""Work that a server repeats in the background for as long as it runs, and waiting for events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

from askcli.errors import DatabaseUnavailable

# Until work that has found no database is tried again, where its next turn is further away.
AWAY_SECONDS = 30.0

log = logging.getLogger("askcli.background")


async def repeat(work: Callable[[], Awaitable[None]], seconds: float) -> NoReturn:
    """Do the work at once and then every `seconds`, until cancelled.

    A failure is logged and the work goes on: without it sessions would not end, and answers whose
    process died would never be marked. Where the database is not available it goes on soon.
    """
    while True:
        wait = seconds
        try:
            await work()
        except DatabaseUnavailable as error:
            wait = min(seconds, AWAY_SECONDS)
            if wait < seconds:
                log.warning("%s goes on in %d s: %s", work.__qualname__, wait, error.detail)
        except Exception:
            log.exception("%s failed, and will be tried again", work.__qualname__)
        await pause(wait)


async def pause(seconds: float) -> None:
    """Sleep, for a moment only where memory is too short for a timer."""
    try:
        await asyncio.sleep(seconds)
    except MemoryError:
        await asyncio.sleep(0)


async def wait_for_event(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for the event for at most `seconds`; returns whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
            return True
    return False
