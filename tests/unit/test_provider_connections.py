"""A connection to the provider: closed where an answer is left, kept after its end."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing

import pytest
from opentelemetry import trace

from askcli.answerers.base import Begin, Exchange, Message, Request, exchange
from askcli.errors import ProviderOverloaded
from tests.support.raw_provider import (
    EVENTS,
    HEAD,
    REQUEST,
    Provider,
    answers_twice_on_one_connection,
    chunk,
    client_of,
)


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
    answers_twice_on_one_connection(HEAD + chunk(b"".join(EVENTS)) + chunk(b""))


@pytest.mark.parametrize("system", [None, "Answer in \u00e9."])
def test_a_request_after_the_first_is_what_the_sdk_would_have_sent(system: str | None) -> None:
    """To the byte, but for the way in which its body is cut into packets."""
    request = Request("m", (Message("user", 'a "\u00e9" \U0001f600\n'),), system, 10)
    whole = b"".join(chunk(event) for event in EVENTS) + chunk(b"")

    async def compared() -> None:
        provider, other = Provider(HEAD + whole), Provider(HEAD + whole)
        async with client_of(provider) as client:
            for sent in (REQUEST, request):
                assert [piece async for piece in client.stream(sent)]
        async with client_of(other) as client:
            assert [piece async for piece in client.stream(request)]
        assert _without_port(provider.requests[1:]) == _without_port(other.requests)

    asyncio.run(compared())


def test_no_header_describes_this_host() -> None:
    async def sent() -> list[bytes]:
        provider = Provider(HEAD + b"".join(chunk(event) for event in EVENTS) + chunk(b""))
        async with client_of(provider) as client:
            for _ in range(2):
                assert [piece async for piece in client.stream(REQUEST)]
        return provider.heads

    heads = asyncio.run(sent())
    assert len(heads) == 2
    for head in heads:
        names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line]
        assert [name for name in names if name.startswith(b"x-stainless")] == []
        assert b"anthropic-version" in names


def test_the_sdk_makes_no_spans_and_sends_no_context() -> None:
    """Its first request is copied, and a trace that it named there would be that of all."""
    caller = trace.SpanContext(1, 1, is_remote=True, trace_flags=trace.TraceFlags(1))

    async def sent(*traceparents: str | None) -> list[bytes]:
        provider = Provider(HEAD + b"".join(chunk(event) for event in EVENTS) + chunk(b""))
        async with client_of(provider) as client:
            for traceparent in traceparents:
                exchange.set(Exchange(traceparent=traceparent))
                assert [piece async for piece in client.stream(REQUEST)]
        return [b"\r\n".join(re.findall(rb"traceparent: (.*?)\r", head)) for head in provider.heads]

    with trace.use_span(trace.NonRecordingSpan(caller)):
        assert asyncio.run(sent(None, "one", "two", None)) == [b"", b"one", b"two", b""]
        assert asyncio.run(sent("one", None, "two")) == [b"one", b"", b"two"]


def _without_port(requests: list[bytes]) -> bytes:
    return re.sub(rb"127\.0\.0\.1:\d+", b"", b"".join(requests))


def test_an_error_is_the_same_after_the_first_request() -> None:
    body = b'{"type": "error", "error": {"type": "overloaded_error", "message": "m"}}'
    head = b"HTTP/1.1 529 Overloaded\r\nretry-after: 7\r\ncontent-length: %d\r\n\r\n" % len(body)

    async def compared() -> None:
        provider = Provider(head + body)
        failures = []
        async with client_of(provider) as client:
            for _ in range(2):
                with pytest.raises(ProviderOverloaded) as raised:
                    await anext(client.stream(REQUEST))
                failures.append((str(raised.value), raised.value.retry_after))
        assert failures[0] == failures[1]
        assert failures[0][1] == 7

    asyncio.run(compared())
