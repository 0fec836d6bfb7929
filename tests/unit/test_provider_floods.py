"""How much of what a provider sends is read and kept at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from askcli.answerers.base import Finish
from askcli.answerers.messages_api.bounded import PART_BYTES
from askcli.answerers.messages_api.message_events import MessageEvents
from tests.support.fake_anthropic import Reply, encoded, events_of
from tests.support.raw_provider import (
    HEAD,
    REQUEST,
    Provider,
    answers_twice_on_one_connection,
    chunk,
    client_of,
)

if TYPE_CHECKING:
    from tests.support.counting_handler import Counting

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PROVISIONAL = b"HTTP/1.1 102 \r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
FIELDS = b"x: %s\r\n" % (b"y" * 1_000)
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ""}}


@pytest.fixture(scope="module")
def connections() -> Any:
    """The module under test, which loads the SDK: that takes each process a second."""
    from askcli.answerers.messages_api import connections

    return connections


def received(reads: Iterable[bytes]) -> Counting:
    """A connection after these reads; an empty one is the next request."""
    from tests.support.counting_handler import Counting

    async def receive() -> Counting:
        handler = Counting(asyncio.get_running_loop())
        transport = Mock(spec=asyncio.Transport)
        transport.get_extra_info.return_value = None
        handler.connection_made(transport)
        for read in [b"", *reads]:
            if read:
                handler.data_received(read)
            else:
                handler.set_response_params(read_until_eof=True)
        assert transport.close.called == (handler.exception() is not None)
        return handler

    return asyncio.run(receive())


@pytest.mark.parametrize("is_one_read", [True, False])
def test_a_few_provisional_responses_may_come_before_a_response(
    connections: Any, is_one_read: bool
) -> None:
    def after(count: int) -> Counting:
        reads = [*[PROVISIONAL] * count, RESPONSE]
        return received([b"".join(reads)] if is_one_read else reads)

    few, many = (
        after(connections.MAX_PROVISIONAL_RESPONSES),
        after(connections.MAX_PROVISIONAL_RESPONSES + 1),
    )
    assert (len(few), few.exception()) == (1, None)
    assert (len(many), many.exception() is None) == (0, False)


def test_no_read_is_parsed_much_further_than_to_what_is_refused() -> None:
    handler = received([PROVISIONAL * 15_000] * 3)
    assert handler.parsed <= 1 + 4_096 // len(PROVISIONAL)
    assert len(handler) == 0


def test_what_comes_before_a_response_is_bounded(connections: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"
    few = received([head + FIELDS * 10 + b"\r\n"])
    assert (len(few), few.exception()) == (1, None)
    for data in (
        head + FIELDS * (connections.MAX_OVERHEAD_BYTES // len(FIELDS)),
        PROVISIONAL[:-2] + FIELDS * 70,
    ):
        assert received([data, b"y" * PART_BYTES]).exception()


def test_a_response_that_was_not_asked_for_closes_its_connection() -> None:
    """It would be taken for the response to the next request."""
    handler = received([RESPONSE, RESPONSE])
    assert (len(handler), handler.exception() is None) == (1, False)


@pytest.mark.parametrize("read_bytes", [1_000, 4_096, 262_144])
@pytest.mark.parametrize(
    ("beginning", "part"),
    [
        (CHUNKED + b"1;a=", b"a"),
        (CHUNKED, b"0"),
        (CHUNKED, b"1;%s\r\n\n\r\n" % (b"a" * 100)),
        (CHUNKED + chunk(b"\n" * 100_000), b"1;%s\r\n\n\r\n" % (b"a" * 4_000)),
        (RESPONSE, b"\r\n"),
    ],
    ids=["an extension", "zeros", "extensions", "extensions after content", "empty lines"],
)
def test_what_comes_besides_content_is_bounded(
    connections: Any, beginning: bytes, part: bytes, read_bytes: int
) -> None:
    flood = beginning + part * (4 * connections.MAX_OVERHEAD_BYTES // len(part))
    reads = [flood[i : i + read_bytes] for i in range(0, len(flood), read_bytes)]
    handler = received(reads)
    assert handler.exception()
    assert handler.taken <= len(beginning) + 1.5 * connections.MAX_OVERHEAD_BYTES + read_bytes


def test_each_response_is_counted_by_itself() -> None:
    large = CHUNKED + chunk(b"\n" * 10_000) + chunk(b"")
    both = received([large, b"", large[:10], large[10:]])
    assert (len(both), both.exception()) == (2, None)


@pytest.mark.parametrize("size", [b"1", b"00000001", b"1;name=value"])
def test_an_answer_in_the_smallest_chunks_is_an_answer(connections: Any, size: bytes) -> None:
    flood = [*map(encoded, EVENTS[:2]), encoded(DELTA) * 1_000, *map(encoded, EVENTS[2:])]
    chunks = [size + b"\r\n%c\r\n" % byte for byte in b"".join(flood)]
    assert sum(map(len, chunks)) > 8 * connections.MAX_OVERHEAD_BYTES
    answers_twice_on_one_connection(HEAD + b"".join(chunks) + chunk(b""))


def test_cookies_of_a_provider_are_not_kept() -> None:
    head = HEAD.replace(b"content-type", b"set-cookie: a=b\r\ncontent-type")

    async def twice() -> None:
        provider = Provider(head + chunk(ANSWER) + chunk(b""))
        async with client_of(provider, "localhost") as client, asyncio.timeout(30):
            for _ in range(2):
                assert [piece async for piece in client.stream(REQUEST)]
        assert len(provider.heads) == 2
        assert not [head for head in provider.heads if b"cookie" in head.lower()]

    asyncio.run(twice())


EVENTS = events_of({"model": "m"}, Reply(["a"]))
ANSWER = b"".join(map(encoded, EVENTS))


def test_other_tasks_run_while_what_has_been_received_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[int] = [0]  # that were read, in each turn of the loop
    read = MessageEvents.read

    def counted(message: MessageEvents, event: Any) -> Any:
        events[-1] += 1
        return read(message, event)

    async def turns() -> None:
        while True:
            await asyncio.sleep(0)
            events.append(0)

    async def flooded() -> None:
        flood = [*map(encoded, EVENTS[:2]), encoded(DELTA) * 10_000, *map(encoded, EVENTS[2:])]
        provider = Provider(HEAD + chunk(b"".join(flood)) + chunk(b""))
        async with client_of(provider) as client, asyncio.timeout(60):
            await client.open()
            turning = asyncio.ensure_future(turns())
            pieces = [piece async for piece in client.stream(REQUEST)]
            turning.cancel()
        assert pieces[-1] == Finish("end_turn", "m", 11, 7)

    monkeypatch.setattr(MessageEvents, "read", counted)
    asyncio.run(flooded())
    assert sum(events) == 10_000 + len(EVENTS)
    assert max(events) <= 2 * PART_BYTES // len(encoded(DELTA))


def test_what_is_read_is_parsed_once(connections: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where reading was paused, and goes on: of an answer larger than what is read ahead."""
    fed = list[bytes]()
    take = connections.BoundedHandler._take

    def noted(handler: Any, data: bytes) -> None:
        fed.append(data)
        take(handler, data)

    monkeypatch.setattr(connections.BoundedHandler, "_take", noted)
    answers_twice_on_one_connection(HEAD + chunk(ANSWER) + chunk(b""))
    assert fed
    assert b"" not in fed
    more = b"".join(map(encoded, [DELTA] * 3_000))
    *start, stop, usage, end = map(encoded, EVENTS)
    long = b"".join([*start, more, stop, usage, end])
    answers_twice_on_one_connection(HEAD + chunk(long) + chunk(b""))
