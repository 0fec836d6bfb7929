"""The states of a server process that its metrics show."""

from __future__ import annotations

import asyncio
import platform

from askcli import __version__
from askcli.metrics import names
from askcli.server.bootstrap import Services
from askcli.services.background import repeat

SECONDS = 1.0  # between two looks of a worker, whose state another one shows


async def run(services: Services) -> None:
    """Look again and again, until cancelled."""

    async def look_once() -> None:
        await look(services)

    await repeat(look_once, SECONDS)


async def look(services: Services) -> None:
    """Set the gauges to the state of this process."""
    database, queue = services.database, services.queue
    kinds = __version__, platform.python_version(), database.dialect, services.answerer.name
    names.BUILD.set(1, *kinds)
    names.RUNNING.set(services.runs.active)
    names.WAITING.set(queue.waiting)
    names.SLOTS.set(queue.slots)
    names.PLACES.set(queue.places)
    names.STREAMS.set(services.streams.count)
    names.TASKS.set(len(asyncio.all_tasks()))
    names.LISTENING.set(services.listener.is_listening)
    for name, pool in database.pools.items():
        use = pool.use()
        names.THREADS.set(use.threads, name)
        names.THREADS_BUSY.set(use.busy, name)
        names.UNITS_WAITING.set(use.waiting, name)
