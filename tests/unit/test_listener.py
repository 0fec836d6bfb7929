"""The listener goes on, whatever its connection or its self-test does."""

from __future__ import annotations

import asyncio
from typing import cast
from unittest.mock import Mock

import psycopg
import pytest

from askcli.services.clock import new_id
from askcli.store import listener
from askcli.store.database import Database
from askcli.store.database import poolers as database_poolers
from askcli.store.listener import Listener


class Scripted(Listener):
    """A listener whose connections fail as it is told, and then live on."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__(cast(Database, Mock(is_sqlite=False)), new_id())
        self._failures = list(failures)
        self.lives = asyncio.Event()

    async def _listen(self) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self._turn(is_listening=True)
        self.lives.set()
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(listener, "UNDELIVERED_SECONDS", 0.001)


def poolers_of(monkeypatch: pytest.MonkeyPatch, *failures: Exception) -> int:
    """Listen until a connection lives; returns how often a pooler was adapted to."""
    poolers = Mock()
    monkeypatch.setattr(database_poolers, "use_pooler", poolers)

    async def scenario() -> None:
        this = Scripted(*failures)
        running = asyncio.create_task(this.run())
        async with asyncio.timeout(30):
            await this.lives.wait()
        running.cancel()

    asyncio.run(scenario())
    return poolers.call_count


@pytest.mark.parametrize(
    "failure", [ValueError("unexpected"), psycopg.OperationalError(), OSError("\n")]
)
def test_a_listener_goes_on_after_any_failure(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """Also after one that says nothing."""
    assert poolers_of(monkeypatch, failure, failure) == 0


def test_a_pooler_is_adapted_to_only_where_a_second_notification_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that was stopped has not received its first one in time either."""
    late = TimeoutError()
    assert poolers_of(monkeypatch, late) == 0
    assert poolers_of(monkeypatch, late, OSError("lost"), late) == 1
