"""A TCP proxy that can cut, stall and slow what passes through it, on either side.

Its target is a URL, or the path of a Unix socket.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Proxy:
    """Passes connections on to a server's address until told otherwise."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._flowing: asyncio.Event
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut_after: int | None = None
        self._stall_after: int | None = None
        self._lost_replies = 0
        self._lost_after = 1
        self._is_ended = False  # a connection whose reply is lost, instead of reset
        self._awaited_words: tuple[bytes, ...] = ()
        self._last_words = b""  # in place of a reply that is lost
        self._is_held = False  # what has the last of the awaited words
        self._released: asyncio.Event
        self._doomed: set[asyncio.StreamWriter] = set()
        self.pause = 0.0  # before each piece, in both directions
        self.reply_pause = 0.0  # before each piece that the server sends
        self.provisional = b""  # before each reply
        self.connections = 0
        self.url = ""
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop)
        self._thread.join(10)

    def cut(self) -> None:
        """Reset all connections that there are; new ones from here on are not touched."""
        done = threading.Event()

        def abort() -> None:
            self._abort()
            done.set()

        self._call(abort)
        assert done.wait(10)

    def cut_after(self, count: int | None) -> None:
        """Reset each connection once the server has sent so many bytes through it."""
        self._cut_after = count

    def lose_replies(self, count: int) -> None:
        """Reset each of the next `count` connections when the server begins to reply."""
        self._lost_replies = count

    def end_replies(self, count: int, after: int) -> None:
        """End each of the next `count` connections once the server has sent so many bytes."""
        self._lost_replies, self._lost_after, self._is_ended = count, after, True

    def lose_the_reply_to(self, *words: bytes, told: bytes = b"") -> None:
        """Cut the connection on which all these are sent, in this order, when a reply comes.

        With `told`, that is said in place of the reply, and the connection is ended.
        """
        self._awaited_words, self._last_words = words, told

    def hold(self, *words: bytes) -> None:
        """Keep back what has the last of these, sent on one connection in this order."""
        self._awaited_words, self._is_held = words, True

    @property
    def is_holding(self) -> bool:
        """Whether what was to be kept back has come, and is kept back."""
        return self._is_held and not self._awaited_words

    def release(self) -> None:
        """Pass on what was held."""
        self._is_held = False
        self._call(self._released.set)

    def stall(self) -> None:
        """Pass nothing on, in either direction, until `flow`."""
        self._call(self._flowing.clear)

    def stall_after(self, count: int) -> None:
        """Stall once the server has sent so many bytes through a connection from here on."""
        self._stall_after = count

    def flow(self) -> None:
        """Pass on again."""
        self._stall_after = None
        self._call(self._flowing.set)

    def _call(self, what: object) -> None:
        self._loop.call_soon_threadsafe(what)  # type: ignore[arg-type]

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._open())
        self._ready.set()
        self._loop.run_forever()
        self._abort()
        self._server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _stop(self) -> None:
        self._loop.stop()

    async def _open(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._released = asyncio.Event()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there[1]}
        cut_after = self._cut_after
        if self._lost_replies:
            self._lost_replies, cut_after = self._lost_replies - 1, self._lost_after
        await asyncio.gather(
            self._pump(self._watched(reader, writer), (there[1], writer), None),
            self._pump(self._replies(there[0]), (writer, there[1]), cut_after, is_reply=True),
        )
        self._writers -= {writer, there[1]}

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._target.startswith("/"):
            return await asyncio.open_unix_connection(self._target)
        address = urlsplit(self._target)
        return await asyncio.open_connection(address.hostname, address.port)

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while data := await reader.read(65536):
            yield data

    async def _replies(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        async for data in self._read(reader):
            yield self.provisional + data if data.startswith(b"HTTP/1.1 ") else data

    async def _watched(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> AsyncIterator[bytes]:
        """What a client sends; its connection is cut once the awaited words were in it."""
        seen = 0
        async for data in self._read(reader):
            while self._awaited_words[seen:] and self._awaited_words[seen] in data:
                seen += 1
            if seen and seen == len(self._awaited_words):
                self._awaited_words = ()
                if self._is_held:
                    self._released.clear()
                    await self._released.wait()
                else:
                    self._doomed.add(client)
            yield data

    async def _lose_the_reply(self, client: asyncio.StreamWriter) -> None:
        if not self._last_words:
            self._abort()
            return
        client.write(self._last_words)
        await client.drain()

    async def _pump(
        self,
        pieces: AsyncIterator[bytes],
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        limit: int | None,
        *,
        is_reply: bool = False,
    ) -> None:
        """Pass the pieces on to the first of the connection's ends."""
        writer, passed = ends[0], 0
        try:
            async for data in pieces:
                if is_reply and self._stall_after is not None and passed >= self._stall_after:
                    self._flowing.clear()
                await self._flowing.wait()
                if writer in self._doomed:
                    await self._lose_the_reply(writer)
                    return
                if limit is not None and passed + len(data) >= limit:
                    writer.write(data[: limit - passed])
                    await writer.drain()
                    if not self._is_ended:
                        self._abort()
                    return
                passed += len(data)
                await asyncio.sleep(self.pause + (self.reply_pause if is_reply else 0))
                writer.write(data)
                await writer.drain()
        except OSError:  # cut meanwhile: connections that are made after a cut are not touched
            for end in ends:
                end.transport.abort()
        finally:
            writer.close()
