"""Work that is repeated goes on after a failure, soon where no database was there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from askcli.errors import DatabaseUnavailable
from askcli.services import background


@pytest.mark.parametrize(
    ("interval", "pauses", "levels"),
    [(3600, [3600, 30, 3600, 3600], ["WARNING", "ERROR"]), (5, [5, 5, 5, 5], ["ERROR"])],
)
def test_work_that_found_no_database_goes_on_soon(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    interval: float,
    pauses: list[float],
    levels: list[str],
) -> None:
    ends: Iterator[Exception | None] = iter([None, DatabaseUnavailable(), ValueError(), None])
    waited = list[float]()

    async def work() -> None:
        if (error := next(ends)) is not None:
            raise error

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == len(pauses):
            raise asyncio.CancelledError

    monkeypatch.setattr(background, "pause", pause)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(background.repeat(work, interval))
    assert waited == pauses
    assert [record.levelname for record in caplog.records] == levels
