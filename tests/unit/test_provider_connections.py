"""A connection to the provider: closed where an answer is left, kept after its end."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Generator
from contextlib import aclosing, suppress
from typing import Any

import httpx2
import pytest
from opentelemetry import trace

from askcli.answerers.base import Begin, Exchange, Message, Request, exchange
from askcli.answerers.messages_api import bounded
from askcli.errors import ProviderOverloaded, ProviderRejected
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
def test_each_request_is_what_the_sdk_would_have_sent(system: str | None) -> None:
    """But for the order of its lines and of its fields; the first one is the SDK's."""
    text = 'a "\u00e9" \U0001f600\n\t\x00\x1f\x7f\u2028/\\'
    request = Request("m", (Message("user", text),), system, 10)
    whole = b"".join(chunk(event) for event in EVENTS) + chunk(b"")

    async def compared() -> None:
        ours, sdks = Provider(HEAD + whole), Provider(HEAD + whole)
        async with client_of(ours) as client:
            for _ in range(2):
                assert [piece async for piece in client.stream(request)]
        async with client_of(sdks) as client:
            await _ask_by_the_sdk(str(client._base_url), request)
        first, second = map(_lines, ours.requests)
        assert first == second
        *lines, body = _lines(b"".join(sdks.requests))
        assert lines == [*first[:-1]]
        assert json.loads(body) == json.loads(first[-1])

    asyncio.run(compared())


async def _ask_by_the_sdk(url: str, request: Request) -> None:
    import anthropic

    turns: Any = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    async with (
        anthropic.AsyncAnthropic(api_key="key", base_url=url, max_retries=0) as sdk,
        await sdk.messages.create(
            model=request.model,
            max_tokens=request.max_tokens,
            system=request.system or anthropic.omit,
            messages=turns,
            stream=True,
        ) as events,
    ):
        assert [event async for event in events]


def _lines(request: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The first line, the others but for those that describe this host, and the body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = re.sub(rb"127\.0\.0\.1:\d+", b"", head).split(b"\r\n")
    named = [line.partition(b":") for line in lines]
    ours = (b"x-stainless-", b"accept-encoding")
    kept = [name.lower() + value for name, _, value in named if not name.lower().startswith(ours)]
    return first, sorted(kept), body


@pytest.mark.parametrize("is_signed", [True, False])
def test_what_the_sdk_signs_it_makes_each_time(
    is_signed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    class Signature(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
            nonlocal count
            count += 1
            request.headers["x-signature"] = f"{count} {len(request.content)}"
            yield request

    async def sent() -> list[bytes]:
        provider = Provider(HEAD + b"".join(chunk(event) for event in EVENTS) + chunk(b""))
        async with client_of(provider) as client:
            sdk = type((await client.open())._sdk)
            monkeypatch.setattr(sdk, "custom_auth", Signature() if is_signed else None)
            for text in ("a", "bc"):
                request = Request("m", (Message("user", text),), None, 10)
                assert [piece async for piece in client.stream(request)]
        return [b"".join(re.findall(rb"x-signature: (\d)", head)) for head in provider.heads]

    assert asyncio.run(sent()) == ([b"1", b"2"] if is_signed else [b"", b""])


@pytest.mark.parametrize("size", [10, 100_000, 20_000_000])
def test_a_connection_that_has_not_taken_a_request_whole_is_not_used_again(size: int) -> None:
    """The rest of its request would be the beginning of the next one.

    What is left of a long one is not known where the connection is encrypted.
    """
    body = b'{"type": "error", "error": {"type": "request_too_large", "message": "m"}}'
    refusal = b"HTTP/1.1 413 No\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(refusal)
                if size > 1_000_000:
                    await gone.wait()
                length = re.findall(rb"content-length: (\d+)", head)[0]
                await reader.readexactly(int(length))
        writer.close()

    async def ask() -> None:
        provider = Provider(b"")
        provider.serve = serve  # type: ignore[method-assign]
        long = Request("m", (Message("user", "x" * size),), None, 10)
        async with client_of(provider) as client, asyncio.timeout(30):
            try:
                for _ in range(2):
                    with pytest.raises(ProviderRejected, match="too long"):
                        await anext(client.stream(long))
            finally:
                gone.set()

    gone = asyncio.Event()
    asyncio.run(ask())
    assert connections == (1 if size == 10 else 2)


def test_a_request_that_is_given_up_is_not_sent_further() -> None:
    """A provider that has it whole would answer it, and bill the answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await given_up.wait()
        length = int(re.findall(rb"content-length: (\d+)", head)[0])
        try:
            received.append(await reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def ask() -> None:
        provider = Provider(b"")
        provider.serve = serve  # type: ignore[method-assign]
        long = Request("m", (Message("user", "x" * 20_000_000),), None, 10)
        async with client_of(provider) as client, asyncio.timeout(30):
            asking = asyncio.ensure_future(anext(client.stream(long)))
            await begun.wait()
            asking.cancel()
            await asyncio.wait([asking])
            given_up.set()

    begun, given_up, received = asyncio.Event(), asyncio.Event(), list[bytes]()
    asyncio.run(ask())
    assert not received


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


@pytest.mark.parametrize("is_event", [True, False])
@pytest.mark.parametrize("value", [b"\xe9", b"\xc3\xa9", b"\x80"])
def test_a_header_in_any_encoding_leaves_an_error_what_it_is(is_event: bool, value: bytes) -> None:
    body = b'{"type": "error", "error": {"type": "overloaded_error", "message": "m"}}'
    headers = b"x-served-by: %b\r\nretry-after: 7\r\n" % value
    refusal = b"HTTP/1.1 529 No\r\n%bcontent-length: %d\r\n\r\n%b" % (headers, len(body), body)
    event = HEAD[:-2] + headers + b"\r\n" + chunk(b"event: error\ndata: %b\n\n" % body)

    async def ask() -> None:
        async with client_of(Provider(event if is_event else refusal)) as client:
            with pytest.raises(ProviderOverloaded) as raised:
                await anext(client.stream(REQUEST))
        assert raised.value.retry_after == 7
        assert not raised.value.may_be_billed

    asyncio.run(ask())


@pytest.mark.parametrize("fault", ["cut", "broken", "stalled"])
def test_a_failure_whose_body_does_not_come_is_what_its_status_says(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs nothing and may be repeated; one that broke off might be billed."""
    monkeypatch.setattr(bounded, "FAILURE_SECONDS", 0.1 if fault == "stalled" else 30)
    head = b"HTTP/1.1 529 Overloaded\r\nretry-after: 7\r\n"
    bodies = {
        "cut": b"content-length: 100\r\nconnection: close\r\n\r\n{",
        "broken": b"transfer-encoding: chunked\r\n\r\n4000\r\n%b\r\nx\r\n" % (b" " * 0x4000),
        "stalled": b"content-length: 100\r\n\r\n{",
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + bodies[fault])
        if fault != "cut":
            await reader.read()
            await reader.read()
        writer.close()

    async def ask() -> None:
        provider = Provider(b"")
        provider.serve = serve  # type: ignore[method-assign]
        async with client_of(provider) as client, asyncio.timeout(60):
            with pytest.raises(ProviderOverloaded) as raised:
                await anext(client.stream(REQUEST))
        assert (raised.value.retry_after, raised.value.may_be_billed) == (7, False)

    asyncio.run(ask())
