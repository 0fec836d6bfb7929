"""A provider's URL that cannot be used: nothing is sent, so nothing is billed."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest

from askcli.answerers.base import Message, Request
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.errors import ProviderFailed
from askcli.server import app
from askcli.settings import proxies

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


@pytest.mark.parametrize("is_checked", [True, False])
def test_no_password_of_a_proxy_is_logged(
    is_checked: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not by a check of ours that lets it pass either."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:hunter2#x@127.0.0.1:1")
    if not is_checked:
        monkeypatch.setattr(proxies, "check", lambda: None)
    client: Any = MessagesClient("key", "http://api.example.invalid", 1.0)
    asyncio.run(app._warm(SimpleNamespace(warm=client.open)))
    assert "could not be warmed" in caplog.text
    assert "hunter2" not in caplog.text
    assert "HTTP_PROXY" in caplog.text or not is_checked


def test_the_text_of_what_nobody_expects_of_an_answerer_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def warm() -> None:
        try:
            raise ValueError("hunter" + "2")
        except ValueError as error:
            raise RuntimeError(str(error)) from error

    asyncio.run(app._warm(SimpleNamespace(warm=warm)))
    assert "RuntimeError" in caplog.text
    assert "test_provider_url.py" in caplog.text
    assert "hunter2" not in caplog.text
