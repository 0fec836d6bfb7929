"""A provider of fixed bytes, below any library of HTTP, and the answerer's client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from askcli.answerers.base import Finish, Message, Request
from askcli.answerers.messages_api.messages import MessagesClient
from tests.support.fake_anthropic import Reply, encoded, events_of

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS = [encoded(event) for event in events_of({"model": "m"}, Reply(["a", "b"]))]
REQUEST = Request("m", (Message("user", "hello"),), None, 10)


def chunk(data: bytes) -> bytes:
    """A chunk of HTTP."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Provider:
    """A provider that sends the same response to each request, and counts its connections."""

    def __init__(self, response: bytes) -> None:
        self._response = response
        self.connections = 0
        self.heads: list[bytes] = []
        self.requests = list[bytes]()
        self.requested = asyncio.Event()
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its client closes it."""
        self.connections += 1
        while head := await reader.read(65_536):
            self.requests.append(head)
            self.requested.set()
            if b"\r\n\r\n" in head:
                self.heads.append(head)
                writer.write(self._response)
        writer.close()
        self.closed.set()


@asynccontextmanager
async def client_of(
    provider: Provider, host: str = "127.0.0.1", scheme: str = "http"
) -> AsyncGenerator[MessagesClient]:
    """A client of this provider, whose connections have ended after the block."""
    serving = set[Any]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        await provider.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}"
    client = MessagesClient("key", url, 10)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await asyncio.gather(*serving)


def answers_twice_on_one_connection(response: bytes) -> None:
    """Ask twice for the answer of a response, which leaves its connection for the next one."""

    async def twice() -> None:
        provider = Provider(response)
        async with client_of(provider) as client, asyncio.timeout(30):
            for _ in range(2):
                pieces = [piece async for piece in client.stream(REQUEST)]
                assert pieces[-1] == Finish("end_turn", "m", 11, 7)
        assert provider.connections == 1

    asyncio.run(twice())
