"""The Retry-After of a provider, in each of its forms."""

from __future__ import annotations

from email.utils import formatdate
from types import SimpleNamespace

import pytest

from askcli.answerers.messages_api import failures

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0.25", 1),
        ("86400", 3600),
        ("9" * 15, 3600),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW + 86_400, usegmt=True), 3600),
        (formatdate(NOW - 90, usegmt=True), 0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1e9", None),
        ("nan", None),
        ("Mon, 99 Foo 99999 99:99:99 GMT", None),
    ],
)
def test_a_providers_retry_after_is_seconds_a_fraction_or_a_date(
    text: str, seconds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    error = SimpleNamespace(response=SimpleNamespace(headers={"retry-after": text}))
    assert failures._retry_after(error) == seconds
