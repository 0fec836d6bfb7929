"""An event that is made when somebody waits: whoever waits is woken, before and after."""

from __future__ import annotations

import asyncio

from askcli.server.protocol.lazy import LazyEvent


def test_it_does_what_an_event_of_asyncio_does() -> None:
    async def scenario() -> None:
        event = LazyEvent(False)
        for _ in range(2):  # before anybody has waited, and after
            event.set()
            assert event.is_set()
            await event.wait()
            event.clear()
            assert not event.is_set()
            waiting = [asyncio.create_task(event.wait()) for _ in range(2)]
            await asyncio.sleep(0)
            assert not any(task.done() for task in waiting)
            event.set()
            await asyncio.wait_for(asyncio.gather(*waiting), 60)
            await event.wait()
            event.clear()

    asyncio.run(scenario())


def test_it_may_be_set_from_its_beginning() -> None:
    asyncio.run(LazyEvent(True).wait())
