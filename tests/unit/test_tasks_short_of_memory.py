"""Tasks that live as long as the server, where memory is short for a moment: they go on."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, cast
from unittest.mock import Mock

import pytest
import uvicorn

from askcli.answerers.base import Request
from askcli.fair_queue import Place
from askcli.server.process.uvicorn_server import Server, StopSeconds
from askcli.services import background
from askcli.services.clock import new_id
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs import waits
from askcli.services.runs.elsewhere import remote
from askcli.services.runs.elsewhere.remote import Feeds
from askcli.services.runs.run import Run
from askcli.services.runs.storage import answer_log
from askcli.services.runs.storage.answer_log import AnswerLog
from askcli.services.runs.stream import AnswerStream
from askcli.services.runs.waits import Patience, Wait
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.queries import answer_parts
from tests.support.short_memory import fail_once


class Written:
    """A database in which all goes well; notes that something is written."""

    def __init__(self) -> None:
        self.is_written = asyncio.Event()

    async def write(self, *_: Any) -> tuple[set[Any], set[Any]]:
        self.is_written.set()
        return set(), set()

    async def read(self, work: Any, *_: Any) -> Any:
        return [] if work is answer_parts.news else None  # the question is gone


def new_run() -> Run:
    request = Request("model", (), None, 10)
    row = new_row(new_id(), Ask("hello"), request) | {"is_queued": False}
    return Run(row, request, Place(lambda _: None))


@pytest.mark.parametrize("name", ["_tick", "_tick_urgent"])
def test_the_log_of_answers_goes_on_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 0.001)

    async def scenario() -> None:
        database = Written()
        log, run = AnswerLog(cast(Database, database), new_id()), new_run()
        log.begin(run)
        fail_once(monkeypatch, log, name)
        if name == "_tick_urgent":
            log._is_urgent.set()
        await asyncio.wait_for(database.is_written.wait(), 20)
        log.end(run)
        await log.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert [record.message for record in caplog.records] == [
        "the log of answers failed, and will be tried again"
    ]


def test_a_run_that_could_not_begin_is_not_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        log = AnswerLog(cast(Database, Written()), new_id())
        fail_once(monkeypatch, log, "_start")
        with pytest.raises(MemoryError):
            log.begin(new_run())
        assert not log._progress
        await log.close()

    asyncio.run(scenario())


def test_what_is_repeated_goes_on_where_no_timer_can_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        again, calls = asyncio.Event(), list[None]()

        async def work() -> None:
            calls.append(None)
            if len(calls) == 3:
                again.set()
            if len(calls) == 1:
                fail_once(monkeypatch, asyncio.get_running_loop(), "call_later")

        task = asyncio.create_task(background.repeat(work, 0.001))
        await asyncio.wait([task, asyncio.create_task(again.wait())], return_when="FIRST_COMPLETED")
        assert again.is_set()
        task.cancel()

    asyncio.run(scenario())


def test_a_turn_that_one_could_not_handle_is_told_to_the_others() -> None:
    told = list[None]()
    listener = Listener(cast(Database, None), new_id())
    listener.on_turn(Mock(side_effect=MemoryError))
    listener.on_turn(lambda: told.append(None))
    listener._turn(is_listening=True)
    assert told == [None]


def test_a_silent_stream_has_its_ping_where_no_timer_can_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The timer comes before the silence is over, and has to be set again."""
    monkeypatch.setattr(waits, "EARLY_SECONDS", -1.0)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with Wait(0.001) as wait:
            waiting = asyncio.create_task(wait.begin({}))
            await asyncio.sleep(0)
            fail_once(monkeypatch, loop, "call_later")
            assert not await asyncio.wait_for(asyncio.shield(waiting), None)

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_wait_for_the_provider_ends_where_no_timer_can_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The timer is of the wait before this one, and has to be set again."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with Patience() as patience:
                patience.begin(loop.time())
                patience.begin(loop.time() + 3_600)
                fail_once(monkeypatch, loop, "call_at")
                await loop.create_future()

    asyncio.run(asyncio.wait_for(scenario(), 20))


@pytest.mark.parametrize("name", ["_read_batch", "_read_together", "_end"])
def test_an_answer_of_another_process_is_followed_on_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setattr(remote, "FAILED_SECONDS", 0)
    monkeypatch.setattr(remote, "POLL_SECONDS", 0)

    async def scenario() -> None:
        database = cast(Database, Written())
        feeds = Feeds(database, Listener(database, new_id()), new_id())
        stream = AnswerStream(new_run().stream.question)
        real, failed = getattr(feeds, name), list[None]()

        async def fails_once(*args: Any) -> None:
            if not failed:
                failed.append(None)
                raise MemoryError
            await real(*args)

        monkeypatch.setattr(feeds, name, fails_once)
        feeding = asyncio.create_task(feeds.feed(stream))
        await asyncio.wait_for(stream.wait(), 20)
        await feeding
        assert failed
        assert stream.error is not None
        assert stream.error.code == "not_found"

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert len(caplog.records) == 1


def test_a_server_whose_drain_fails_ends() -> None:
    runs = Mock(drain=Mock(side_effect=MemoryError))
    server = Server(uvicorn.Config(Mock()), runs, StopSeconds(0, 0), Mock(), Mock(), None)
    with suppress(MemoryError):
        asyncio.run(server._drain())
    assert server.should_exit
