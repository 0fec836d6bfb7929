"""The store's threads where memory is short for a moment: what comes later is done all the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from askcli.errors import DatabaseUnavailable
from askcli.store.database import Database
from askcli.store.database.threads import Threads
from tests.support.databases import migrated_file
from tests.support.short_memory import fail_once
from tests.support.writer import put, stored


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(migrated_file(tmp_path / "askcli.db"))
    yield database
    database.close()


def test_a_result_that_could_not_be_delivered_comes_with_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By the same thread: another might not be startable."""

    async def scenario() -> None:
        threads, loop = Threads(1, "test"), asyncio.get_running_loop()
        thread = await threads.run(threading.get_ident)
        fail_once(monkeypatch, loop, "call_soon_threadsafe")
        first = threads.run(lambda: 2)
        while not caplog.messages:  # its thread cannot tell the loop
            await asyncio.sleep(0.001)
        assert await asyncio.wait_for(threads.run(lambda: 3), 20) == 3
        assert await first == 2
        assert await threads.run(threading.get_ident) == thread
        threads.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_units_that_wait_are_watched_after_a_timer_that_could_not_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        threads, go_on = Threads(2, "test"), threading.Event()
        long = threads.run(lambda: go_on.wait(60))
        fail_once(monkeypatch, asyncio.get_running_loop(), "call_later")
        done = list[int]()
        with pytest.raises(MemoryError):
            threads.run(lambda: done.append(1))
        try:  # by another thread, which is woken for it
            assert await asyncio.wait_for(threads.run(lambda: 2), 20) == 2
        finally:
            go_on.set()
        assert await long
        assert done == []  # what was refused is not done later
        threads.close()

    asyncio.run(scenario())


def test_a_thread_that_memory_is_too_short_for_is_one_that_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        threads, done = Threads(1, "test"), list[int]()
        fail_once(monkeypatch, threading.Thread, "start")
        with pytest.raises(DatabaseUnavailable) as refused:
            threads.run(lambda: done.append(1))
        assert not refused.value.may_be_done
        await threads.run(lambda: done.append(2))
        assert done == [2]
        threads.close()

    asyncio.run(scenario())


def test_sqlites_writer_goes_on_where_memory_was_too_short_for_its_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    async def scenario() -> None:
        fail_once(monkeypatch, asyncio.get_running_loop(), "call_soon_threadsafe", 2)
        lost = asyncio.create_task(database.write(put, "stored"))
        while not caplog.messages:  # its thread cannot tell the loop
            await asyncio.sleep(0.001)
        await asyncio.wait_for(database.write(put, "after"), 20)
        lost.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert stored(database) == ["after", "stored"]


def test_a_unit_that_the_writer_has_taken_has_its_outcome(
    monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    """Of a thread that has ended since, so that another one would be needed and cannot start."""

    def run(_threads: Threads, work: Any) -> None:
        work()
        raise DatabaseUnavailable

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Threads, "run", run)
            await database.write(put, "taken")

    asyncio.run(scenario())
    assert stored(database) == ["taken"]


def test_a_closed_writer_is_no_lack_of_threads(database: Database) -> None:
    database.close()
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(database.write(put, "late"))
    assert stored(database) == []


def test_a_unit_that_a_thread_has_taken_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has ended since, so that another one would be needed and cannot start."""

    async def scenario() -> None:
        threads = Threads(1, "test")

        def wake() -> bool:
            unit = threads._next()
            assert unit
            threads._do(unit)
            raise DatabaseUnavailable

        monkeypatch.setattr(threads, "_wake", wake)
        assert await asyncio.wait_for(threads.run(lambda: 1), 20) == 1

    asyncio.run(scenario())


def test_a_unit_that_no_thread_can_be_made_for_is_not_done_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        threads, done = Threads(1, "test"), list[int]()
        fail_once(monkeypatch, threads, "_start")
        with pytest.raises(MemoryError):
            threads.run(lambda: done.append(1))
        await asyncio.wait_for(threads.run(lambda: done.append(2)), 20)
        assert done == [2]
        threads.close()

    asyncio.run(scenario())
