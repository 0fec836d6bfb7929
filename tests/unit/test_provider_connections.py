"""A connection to the provider: closed where an answer is left, kept after its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import pytest

from askcli.answerers.base import Begin, Finish, Message, Request
from askcli.answerers.messages import MessagesClient
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
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its client closes it."""
        self.connections += 1
        while head := await reader.read(65_536):
            if b"\r\n\r\n" in head:
                writer.write(self._response)
        writer.close()
        self.closed.set()


@asynccontextmanager
async def client_of(provider: Provider) -> AsyncGenerator[MessagesClient]:
    """A client of this provider."""
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    client = MessagesClient("key", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 10)
    try:
        yield client
    finally:
        await client.close()
        server.close()


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_an_answer_that_is_left_closes_its_connection(is_cancelled: bool) -> None:
    """The provider then stops, and bills no more."""

    async def left() -> None:
        provider = Provider(HEAD + chunk(EVENTS[0]))
        async with client_of(provider) as client, asyncio.timeout(30):
            async with aclosing(client.stream(REQUEST)) as pieces:
                assert await anext(pieces) == Begin("m", 11)
                if is_cancelled:
                    rest = asyncio.ensure_future(anext(pieces))
                    await asyncio.sleep(0)
                    rest.cancel()
                    await asyncio.wait([rest])
                    assert rest.cancelled()
            await provider.closed.wait()

    asyncio.run(left())


def test_a_whole_answer_leaves_its_connection_for_the_next_one() -> None:
    async def twice() -> None:
        provider = Provider(HEAD + chunk(b"".join(EVENTS)) + chunk(b""))
        async with client_of(provider) as client, asyncio.timeout(30):
            for _ in range(2):
                pieces = [piece async for piece in client.stream(REQUEST)]
                assert pieces[-1] == Finish("end_turn", "m", 11, 7)
        assert provider.connections == 1

    asyncio.run(twice())
