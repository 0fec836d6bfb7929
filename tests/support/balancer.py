"""A TCP balancer: each connection goes to the next server in turn that takes it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class Balancer:
    """Passes connections on to servers in turn; one that refuses is passed over."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.url = ""
        self._targets = itertools.cycle([urlsplit(url) for url in urls])
        self._count = len(urls)
        self._loop = asyncio.new_event_loop()
        self._ready, self._end = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        self._connections = set[asyncio.Task[None]]()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._end.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        with suppress(OSError, asyncio.CancelledError):
            for _ in range(self._count):
                target = next(self._targets)
                with suppress(OSError):
                    there = await asyncio.open_connection(target.hostname, target.port)
                    await _joined((reader, writer), there)
                    break
        writer.transport.abort()
        self._connections.discard(task)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _joined(here: Ends, there: Ends) -> None:
    """Copy in both directions until one of them ends."""
    copies = [
        asyncio.create_task(_copy(here[0], there[1])),
        asyncio.create_task(_copy(there[0], here[1])),
    ]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        there[1].transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
