"""The store's threads: few are awake, and a unit that takes long holds up no other."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from askcli.errors import DatabaseUnavailable
from askcli.store.database import Database
from askcli.store.database import threads as threads_module
from askcli.store.database.threads import Threads
from tests.support.databases import migrated_file
from tests.support.writer import put, stored


def test_short_units_are_done_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    # on a busy machine even short units wait for more than the real two milliseconds
    monkeypatch.setattr(threads_module, "PATIENCE_SECONDS", 60.0)

    async def scenario() -> None:
        threads = Threads(4, "test")
        results = await asyncio.gather(*(threads.run(threading.get_ident) for _ in range(50)))
        assert len(set(results)) == 1
        assert threading.get_ident() not in results
        threads.close()

    asyncio.run(scenario())


def test_a_unit_that_takes_long_holds_up_no_other() -> None:
    async def scenario() -> None:
        threads, go_on, order = Threads(3, "test"), threading.Event(), list[int]()
        long = [threads.run(lambda: go_on.wait(60)) for _ in range(2)]
        short = [threads.run(lambda n=n: order.append(n)) for n in range(20)]  # type: ignore[misc]
        await asyncio.gather(*short)
        assert order == list(range(20))
        go_on.set()
        assert await asyncio.gather(*long) == [True, True]
        threads.close()

    asyncio.run(scenario())


def test_eager_threads_wait_side_by_side() -> None:
    async def scenario() -> None:
        threads, both = Threads(4, "test", eager=2), threading.Barrier(2)
        assert sorted(await asyncio.gather(*(threads.run(both.wait) for _ in range(2)))) == [0, 1]
        threads.close()

    asyncio.run(scenario())


def test_an_error_is_raised_where_it_is_awaited_and_what_is_cancelled_is_not_begun() -> None:
    async def scenario() -> None:
        threads, go_on, done = Threads(1, "test"), threading.Event(), list[int]()
        first = threads.run(lambda: go_on.wait(60))
        cancelled = threads.run(lambda: done.append(1))
        wrong = threads.run(lambda: 1 // 0)
        cancelled.cancel()
        go_on.set()
        assert await first
        with pytest.raises(ZeroDivisionError):
            await wrong
        assert done == []
        threads.close()
        with pytest.raises(RuntimeError):
            threads.run(lambda: None)

    asyncio.run(scenario())


def test_no_wake_up_is_lost() -> None:
    """Units that come just as the thread goes to sleep."""

    async def scenario() -> None:
        threads = Threads(2, "test")
        for number in range(500):
            assert await threads.run(lambda n=number: n) == number  # type: ignore[misc]
        threads.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))


def _fail_starts(monkeypatch: pytest.MonkeyPatch, *failing: int) -> list[int]:
    """Fail these starts of a thread, counted from 0; return the list of those tried."""
    tried, start = list[int](), threading.Thread.start

    def start_or_fail(thread: threading.Thread) -> None:
        tried.append(len(tried))
        if tried[-1] in failing:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    return tried


@pytest.mark.parametrize("eager", [1, 4])
def test_without_any_thread_a_unit_is_refused_and_not_done_later(
    monkeypatch: pytest.MonkeyPatch, eager: int
) -> None:
    async def scenario() -> None:
        threads, done = Threads(4, "test", eager), list[int]()
        _fail_starts(monkeypatch, 0)
        with pytest.raises(DatabaseUnavailable) as refused:
            threads.run(lambda: done.append(1))
        assert not refused.value.may_be_done
        await asyncio.wait_for(threads.run(lambda: done.append(2)), 20)
        assert done == [2]
        threads.close()

    asyncio.run(scenario())


def test_without_its_thread_sqlites_writer_refuses_a_unit_and_does_not_do_it_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def scenario() -> None:
        _fail_starts(monkeypatch, 0)
        with pytest.raises(DatabaseUnavailable) as refused:
            await database.write(put, "refused")
        assert not refused.value.may_be_done
        await asyncio.wait_for(database.write(put, "done"), 20)

    database = Database(migrated_file(tmp_path / "askcli.db"))
    asyncio.run(scenario())
    database.close()
    assert stored(database) == ["done"]


@pytest.mark.parametrize("eager", [1, 4])
def test_a_start_that_fails_is_tried_again_while_a_unit_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, eager: int
) -> None:
    async def scenario() -> None:
        threads, go_on = Threads(4, "test", eager), threading.Event()
        tried = _fail_starts(monkeypatch, 1, 2)
        long = threads.run(lambda: go_on.wait(60))
        try:  # the first thread is busy until these are done
            assert await asyncio.wait_for(threads.run(lambda: 1), 20) == 1
            assert await asyncio.wait_for(threads.run(lambda: 2), 20) == 2
        finally:
            go_on.set()
        assert await long
        assert tried[:4] == [0, 1, 2, 3]
        threads.close()

    with caplog.at_level(logging.WARNING, "askcli.store"):
        asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "only 1 store threads run: can't start new thread"
    ]


def test_a_thread_that_is_stuck_is_not_waited_for_at_the_end() -> None:
    async def scenario() -> None:
        threads, has_begun, go_on = Threads(1, "test"), asyncio.Event(), threading.Event()
        loop, ended = asyncio.get_running_loop(), list[bool]()

        def stuck() -> None:
            loop.call_soon_threadsafe(has_begun.set)
            ended.append(go_on.wait(30))

        unit = threads.run(stuck)
        await has_begun.wait()
        threads.close(0.01)
        assert ended == []
        go_on.set()
        await unit
        threads.close()

    asyncio.run(scenario())


def test_what_has_not_started_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        threads = Threads(4, "test")
        _fail_starts(monkeypatch, 0)
        with pytest.raises(DatabaseUnavailable):
            threads.run(lambda: None)
        threads.close()

    asyncio.run(scenario())
