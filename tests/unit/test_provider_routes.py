"""A provider behind an HTTP proxy, or whose URL has a password, and questions of megabytes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from askcli.answerers.base import Finish, Message, Request
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.errors import ProviderFailed
from tests.support.raw_provider import EVENTS, HEAD, REQUEST, Provider, chunk, client_of

ANSWER = HEAD + b"".join(map(chunk, EVENTS)) + b"0\r\n\r\n"


class ConnectProxy:
    """A proxy that sends these bytes for CONNECT, and then closes; None waits for its client."""

    def __init__(self, reply: bytes | None) -> None:
        self._reply = reply
        self.heads = list[bytes]()
        self.closed = asyncio.Semaphore(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        if self._reply is None:
            await reader.read()
        else:
            writer.write(self._reply)
        writer.close()
        self.closed.release()


@asynccontextmanager
async def client_through(
    proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> AsyncGenerator[MessagesClient]:
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    client = MessagesClient("key", "https://provider.test", seconds)
    try:
        yield client
    finally:
        await client.close()
        server.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 Connec",
        b"\x00\x01garbage\r\n\r\n",
        b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n",  # and no TLS
        None,
    ],
    ids=["closed", "cut", "garbage", "503", "407", "no-tls", "stalled"],
)
def test_a_proxy_that_does_not_connect_has_not_sent_the_question(
    reply: bytes | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        proxy = ConnectProxy(reply)
        seconds = 0.2 if reply is None else 30
        async with client_through(proxy, monkeypatch, seconds) as client, asyncio.timeout(60):
            for _ in range(2):
                with pytest.raises(ProviderFailed, match="cannot be reached") as raised:
                    await anext(client.stream(REQUEST))
                assert not raised.value.may_be_billed
                await proxy.closed.acquire()
        assert [head.split(b" ")[0] for head in proxy.heads] == [b"CONNECT"] * 2

    asyncio.run(ask())
    assert not caplog.records


def test_a_proxy_of_plain_http_gets_whole_addresses_and_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask() -> None:
        proxy = Provider(ANSWER)
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", f"http://us%40er:pass@127.0.0.1:{port}")
        client = MessagesClient("key", "http://provider.test:81/v", 10)
        async with asyncio.timeout(30):
            for _ in range(2):
                assert [piece async for piece in client.stream(REQUEST)]
        await client.close()
        server.close()
        await proxy.closed.wait()
        assert proxy.connections == 1
        assert len(proxy.heads) == 2
        told = b"\r\nproxy-authorization: basic " + base64.b64encode(b"us@er:pass").lower()
        for head in proxy.heads:
            assert head.startswith(b"POST http://provider.test:81/v/v1/messages HTTP/1.1\r\n")
            assert head.lower().count(told + b"\r\n") == 1
            assert b"\r\nhost: provider.test:81\r\n" in head.lower()

    asyncio.run(ask())


@pytest.mark.parametrize("key", ["k\r\ny: z", "k\ny"])
def test_no_key_ends_its_header(key: str) -> None:
    async def ask() -> None:
        provider = Provider(ANSWER)
        async with client_of(provider) as client, asyncio.timeout(30):
            client.change_key(key)
            with pytest.raises(ProviderFailed, match="could not send"):
                await anext(client.stream(REQUEST))
            assert not provider.requests

    asyncio.run(ask())


def test_a_password_in_the_url_of_the_provider_is_sent_as_a_header() -> None:
    async def ask() -> None:
        provider = Provider(ANSWER)
        server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = MessagesClient("key", f"http://us%40er:pass%2Fword@127.0.0.1:{port}/v", 10)
        async with asyncio.timeout(30):
            for _ in range(2):
                assert [piece async for piece in client.stream(REQUEST)][-1] == Finish(
                    "end_turn", "m", 11, 7
                )
        await client.close()
        server.close()
        await provider.closed.wait()
        told = b"Basic " + base64.b64encode(b"us@er:pass/word") + b"\r\n"
        for head in provider.heads:
            assert head.startswith(b"POST /v/v1/messages HTTP/1.1\r\n")
            assert told in head
            assert head.lower().count(b"\r\nauthorization:") == 1
            assert b"\r\nx-api-key: key\r\n" in head.lower(), head.decode()

    asyncio.run(ask())


def test_a_question_of_megabytes_is_sent() -> None:
    long = Request("m", (Message("user", "\u00e9" * 800_000),), None, 10)

    async def ask() -> None:
        bodies = list[bytes]()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(2):
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                assert b"transfer-encoding" not in head
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                bodies.append(await reader.readexactly(length))
                writer.write(ANSWER)
            writer.close()

        provider = Provider(ANSWER)
        provider.serve = serve  # type: ignore[method-assign]
        async with client_of(provider) as client, asyncio.timeout(30):
            for _ in range(2):
                assert [piece async for piece in client.stream(long)]
        assert bodies[0] == bodies[1]
        assert "\u00e9".encode() * 800_000 in bodies[0]

    asyncio.run(ask())
