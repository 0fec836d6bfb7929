"""A provider's URL that cannot be used: nothing is sent, so nothing is billed."""

from __future__ import annotations

import asyncio
import gc

import pytest

from askcli.answerers.base import Message, Request
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.errors import ProviderFailed

REQUEST = Request("m", (Message("user", "hi"),), None, 10)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://127.0.0.1:abc", "http://[::1"])
def test_an_unusable_url_of_the_provider_is_not_billed(url: str) -> None:
    async def ask() -> None:
        client = MessagesClient("key", url, 1.0)
        try:
            async for _ in client.stream(REQUEST):
                pass
        finally:
            await client.close()

    with pytest.raises(ProviderFailed) as raised:
        asyncio.run(ask())
    assert not raised.value.may_be_billed
    del raised
    gc.collect()  # it would tell of what is left open
