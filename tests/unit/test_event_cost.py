"""What an event of an answer costs: nothing of the SDK and of Pydantic."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import FrameType
from uuid import uuid4

from askcli.answerers.base import Message, Piece, Request
from askcli.answerers.messages_api.messages import MessagesClient
from tests.support.fake_anthropic import FakeAnthropic


@asynccontextmanager
async def client_of(fake: FakeAnthropic) -> AsyncGenerator[MessagesClient]:
    """A client whose SDK is loaded."""
    client = MessagesClient("key", fake.url, 10)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


async def pieces(client: MessagesClient, question: str) -> list[Piece]:
    """The pieces of an answer."""
    request = Request("m", (Message("user", question),), None, 10)
    return [piece async for piece in client.stream(request)]


async def calls(client: MessagesClient, question: str) -> Counter[str]:
    """How many functions of these packages an answer calls."""
    counts: Counter[str] = Counter()

    def count(frame: FrameType, kind: str, _: object) -> None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if kind == "call" and package in ("anthropic", "pydantic", "typing_extensions"):
            counts[package] += 1

    sys.setprofile(count)
    try:
        await pieces(client, question)
    finally:
        sys.setprofile(None)
    return counts


def test_a_later_answer_calls_nothing_of_the_sdk_and_of_pydantic(fake: FakeAnthropic) -> None:
    first, many = uuid4().hex, uuid4().hex
    fake.on(first, "x")
    fake.on(many, *["x"] * 200)

    async def compared() -> None:
        async with client_of(fake) as client:
            await pieces(client, first)  # of which later requests are made
            assert not await calls(client, many)

    asyncio.run(compared())
