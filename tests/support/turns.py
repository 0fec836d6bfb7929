"""In which order the units of work of several users get the store's threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from askcli.server.bootstrap import Services
from askcli.store.database import engines
from askcli.store.database.pool import take_turns_as

MANY = 60

asker: ContextVar[str] = ContextVar("asker")


class Order:
    """Whose units of work were given to a thread, in their order, and how many have queued."""

    def __init__(self, services: Services) -> None:
        self.given: list[str] = []
        self._run, self._queued, self._change = services.database._run, 0, asyncio.Condition()
        services.database._run = self._note  # type: ignore[method-assign]
        database: Any = services.database
        for threads in (
            database._readers._threads,
            database.is_sqlite and database._writer._thread,
        ):
            if threads:
                threads.run = self._noting(threads.run)

    def _noting(self, give: Callable[..., Any]) -> Callable[..., Any]:
        """Return what gives a unit to a thread, noting whose it is."""

        def noting(*args: Any) -> Any:
            self.given.append(asker.get())
            return give(*args)

        return noting

    async def _note(self, *args: Any, **named: Any) -> Any:
        self._queued += 1
        async with self._change:
            self._change.notify_all()
        return await self._run(*args, **named)

    async def queued(self, number: int) -> None:
        """Wait until so many units have queued."""
        async with self._change:
            await self._change.wait_for(lambda: self._queued >= number)


@asynccontextmanager
async def busy(services: Services) -> AsyncIterator[None]:
    """Keep all threads of the store busy during the block."""
    database, go_on = services.database, threading.Event()
    take_turns_as(None)
    holding = [database.read(lambda _: go_on.wait(60)) for _ in range(engines.READERS)]
    if database.is_sqlite:
        holding.append(database.write(lambda _: go_on.wait(60)))
    held = asyncio.gather(*holding)
    await asyncio.sleep(0)  # they are queued
    try:
        yield
    finally:
        go_on.set()
        await held


async def order_of(
    services: Services, many: Callable[[], Any], one: Callable[[], Any]
) -> tuple[int, list[int]]:
    """Make many requests and one after them; returns its place at the store, and all statuses."""

    async def status(name: str, send: Callable[[], Any]) -> int:
        asker.set(name)
        response = await send()
        return int(response.status_code)

    async with asyncio.TaskGroup() as group, busy(services):  # one that fails ends the waiting
        order = Order(services)
        tasks = [group.create_task(status("many", many)) for _ in range(MANY)]
        await order.queued(MANY)
        tasks.append(group.create_task(status("one", one)))
        await order.queued(MANY + 1)
    return order.given.index("one"), [task.result() for task in tasks]
