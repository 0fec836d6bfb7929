"""A request that no connection had by its deadline, or its cancel, is billed by nobody."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Any, cast

import pytest

from askcli.answerers.base import Answerer
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.errors import ProviderFailed, ProviderTimeout
from askcli.services.runs.calls.retries import RetryPolicy
from askcli.services.runs.calls.tries import Attempts
from tests.support.raw_provider import REQUEST, Provider, client_of

LONG = 60.0


@pytest.mark.parametrize(("scheme", "deadline"), [("http", None), ("https", None), ("https", 0.1)])
def test_what_may_be_billed_has_been_sent(scheme: str, deadline: float | None) -> None:
    """The provider takes what it gets and is silent: it does its part of TLS neither."""
    attempts = Attempts()

    async def ask(client: MessagesClient) -> None:
        policy = RetryPolicy(deadline or LONG, LONG, LONG, attempts=3)
        stream = policy.stream(cast(Answerer, client), REQUEST, attempts, confirmed)
        with suppress(ProviderTimeout):
            async with aclosing(stream) as pieces:
                await anext(pieces)

    async def scenario() -> None:
        provider = Provider(b"")
        async with client_of(provider, scheme=scheme) as client:
            await client.open()
            asking = asyncio.create_task(ask(client))
            if deadline is None:
                await provider.requested.wait()
                asking.cancel()
            await asyncio.wait([asking])

    asyncio.run(scenario())
    assert attempts.count == 1
    assert attempts.may_be_billed == (scheme == "http")


def test_a_connection_that_is_closed_as_it_is_made_has_no_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask() -> None:
        provider = Provider(b"")
        async with client_of(provider) as client:
            connector = (await client.open())._connector
            connect = connector.connect

            async def closed(*args: Any) -> Any:
                connection = await connect(*args)
                assert connection.protocol is not None
                connection.protocol.close()
                return connection

            monkeypatch.setattr(connector, "connect", closed)
            for _ in range(2):
                with pytest.raises(ProviderFailed, match="cannot be reached") as raised:
                    await anext(client.stream(REQUEST))
                assert not raised.value.may_be_billed
        assert not provider.requests

    asyncio.run(ask())


def test_an_answer_waits_for_no_others_connection() -> None:
    """A server may run as many as its host sets."""

    async def limit() -> int:
        async with client_of(Provider(b"")) as client:
            return (await client.open())._connector.limit

    assert asyncio.run(limit()) == 0


async def confirmed() -> None:
    """The question is still the run's."""
