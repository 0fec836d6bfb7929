"""A response whose head was right, and whose body is no HTTP."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from askcli.answerers.base import Begin
from askcli.errors import Interrupted
from tests.support.raw_provider import EVENTS, HEAD, REQUEST, Provider, chunk, client_of

FAULTS = {
    "a size that is none": b"zz\r\n",
    "a chunk longer than its size": b"3\r\nabcd\r\n",
    "a long trailer": b"0\r\nx: %b\r\n\r\n" % (b"y" * 9_000),
    "a trailer that is none": b"0\r\nx\x00\r\n\r\n",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_answer_breaks_off_at_once_where_its_body_is_broken(fault: bytes) -> None:
    """Its reader was told of no error, nor of the end of the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + chunk(EVENTS[0]))
        await begun.wait()
        writer.write(fault)
        await reader.read()
        writer.close()

    async def ask() -> None:
        provider = Provider(b"")
        provider.serve = serve  # type: ignore[method-assign]
        async with (
            client_of(provider) as client,
            asyncio.timeout(30),
            aclosing(client.stream(REQUEST)) as pieces,
        ):
            assert await anext(pieces) == Begin("m", 11)
            begun.set()
            with pytest.raises(Interrupted, match="broke off"):
                await anext(pieces)

    begun = asyncio.Event()
    asyncio.run(ask())
