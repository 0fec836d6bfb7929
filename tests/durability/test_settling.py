"""A question's usage is that of its run, whichever process settles it, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, select

from askcli.errors import AskcliError, Cancelled, DatabaseUnavailable, Interrupted
from askcli.fair_queue import Place
from askcli.services.clock import new_id, now
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs.run import Run
from askcli.services.runs.storage import answers
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.services.usage import unbilled
from askcli.store import tables
from askcli.store.queries import ended_elsewhere, limits, questions, sizes, usage
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.meanwhile import Meanwhile
from tests.support.orphans import REQUEST, Silent, silent_question
from tests.support.people import NewPerson
from tests.support.returning_runs import RESERVED, end, interrupted_question, run_of
from tests.support.servers import paused, serving
from tests.support.streams import Seen, ask_until_cut
from tests.support.usage import used
from tests.support.waiting import eventually

BILLED, UNBILLED = (11, 7), (0, 0)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, new_database: NewDatabase) -> str:
    return new_database(request.param)


async def settled(silent: Silent) -> tuple[tuple[int, int], bool]:
    """The tokens of the question's usage, and whether they are its cost."""
    query = select(tables.usage).where(tables.usage.c.question_id == silent.question_id)
    row = await silent.database.read(lambda connection: connection.execute(query).one())
    return (row.input_tokens, row.output_tokens), row.settled


def start_again(silent: Silent, *, is_queued: bool = False) -> Callable[[Connection], bool]:
    """Return what another process writes that starts the question again."""
    row = new_row(silent.user_id, Ask("hello"), REQUEST) | {"id": silent.question_id}
    row |= {"request_hash": "", "process_id": new_id(), "is_queued": is_queued}
    run = Run(row, REQUEST, Place(lambda _: None))
    start = silent.services.questions._storage._start_again
    return lambda connection: start(connection, row, run, is_checked=True)


async def end_unsent(
    silent: Silent, run: Run, *, is_own: bool = False, is_confirmed: bool = True
) -> None:
    """Store the end of a run that has sent nothing; its question was not its own in its turn."""
    run.is_confirmed = is_confirmed
    answers = AnswerStorage(silent.database, silent.metering, silent.services.indexing)
    error: AskcliError = Interrupted()
    if not is_own:
        with pytest.raises(Cancelled) as cancelled:
            await answers.dequeue(run)
        error = cancelled.value
    outcome = run.outcome(error=error)
    await answers.end(run, outcome, 0.0, await answers.entry(run, outcome))


def test_an_earlier_run_settles_nothing_of_a_later_one(url: str) -> None:
    async def scenario() -> None:
        async with interrupted_question(url, is_queued=True) as (silent, run):
            assert await settled(silent) == (UNBILLED, True)
            assert await silent.database.write(start_again(silent))
            await end_unsent(silent, run)
            assert await settled(silent) == (RESERVED, False)

    asyncio.run(scenario())


def test_an_earlier_run_settles_nothing_of_one_that_starts_at_that_moment(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database("postgres")

    async def scenario() -> None:
        async with interrupted_question(url, is_queued=True) as (silent, run):
            again = Meanwhile(url, start_again(silent))
            monkeypatch.setattr(ended_elsewhere, "lock", again.after(ended_elsewhere.lock))
            await end_unsent(silent, run)
            assert await again.result()
            assert await settled(silent) == (RESERVED, False)

    asyncio.run(scenario())


@pytest.mark.parametrize("is_queued", [True, False])
def test_an_earlier_run_settles_nothing_of_a_later_one_whose_question_was_deleted(
    url: str, is_queued: bool
) -> None:
    async def scenario() -> None:
        async with interrupted_question(url, is_queued=True) as (silent, run):
            assert await silent.database.write(start_again(silent, is_queued=is_queued))
            later = await run_of(silent)
            await silent.services.history.remove(silent.user_id, silent.question_id)
            await end_unsent(silent, run)
            assert await settled(silent) == (UNBILLED if is_queued else RESERVED, False)
            if not is_queued:
                await end(silent, later, "begun and ended")
                assert await settled(silent) == (BILLED, True)

    asyncio.run(scenario())


def test_a_question_deleted_while_its_server_is_stopped_costs_no_more_than_was_reported(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    url, more = new_database("postgres"), {"ASKCLI_ORPHAN_SECONDS": "2"}
    server, other = (serving(tmp_path / name, fake, url, **more) for name in ("one", "two"))
    person, seen = new_person(server), Seen(uuid4().hex)
    reply = fake.on(seen.key, "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(1) as pool, person.at(other) as elsewhere:
        pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        with paused(server):
            path = f"/api/questions/{seen.question_id}"
            eventually(lambda: elsewhere.delete(path).status_code == 204)
            eventually(lambda: used(other, person)[0]["settled"])
            (assumed,) = used(other, person)
        reply.release()
        eventually(lambda: used(other, person)[0]["input_tokens"] == BILLED[0])
    (cost,) = used(other, person)
    assert cost["output_tokens"] < assumed["output_tokens"]
    assert [replica.stop() for replica in (server, other)] == [0, 0]


@pytest.mark.parametrize("is_billable", [True, False])
def test_a_question_deleted_while_its_process_was_paused_costs_what_the_run_has_cost(
    url: str, is_billable: bool
) -> None:
    async def scenario() -> None:
        async with silent_question(url) as silent:
            run = await run_of(silent)
            await silent.services.history.remove(silent.user_id, silent.question_id)
            await silent.checks()
            assert await settled(silent) == (RESERVED, True)
            for _ in range(2):  # the reply to the first commit may have been lost
                await end(silent, run, "begun and ended", is_billable=is_billable)
                assert await settled(silent) == (BILLED if is_billable else UNBILLED, True)

    asyncio.run(scenario())


def test_a_run_that_was_not_confirmed_and_finds_no_row_costs_nothing(url: str) -> None:
    """It had a slot at once, so that its row says that it was sent."""

    async def scenario() -> None:
        async with silent_question(url) as silent:
            run = await run_of(silent)
            await silent.services.history.remove(silent.user_id, silent.question_id)
            await end_unsent(silent, run, is_confirmed=False)
            assert await settled(silent) == (UNBILLED, True)

    asyncio.run(scenario())


def test_a_question_that_is_sent_as_it_is_deleted_keeps_its_reservation(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent only if that is stored before the deletion, which then releases nothing."""
    url = new_database("postgres")

    async def scenario() -> None:
        async with silent_question(url, is_queued=True) as silent:
            run = await run_of(silent)
            ids, sent = (run.question_id, run.id), {"is_queued": False}
            sending = Meanwhile(url, lambda c: questions.change(c, *ids, sent))
            monkeypatch.setattr(usage, "is_queued", sending.after(usage.is_queued))
            await silent.services.history.remove(silent.user_id, silent.question_id)
            is_sent = await sending.result()
            assert await settled(silent) == (RESERVED if is_sent else UNBILLED, False)

    asyncio.run(scenario())


def test_a_question_that_is_started_again_as_older_ones_are_deleted_stays(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database("postgres")

    async def scenario() -> None:
        async with silent_question(url, is_queued=True) as silent:
            await silent.checks()
            again = Meanwhile(url, start_again(silent))
            monkeypatch.setattr(sizes, "fitting", again.after(sizes.fitting))
            later = now() + timedelta(hours=1)
            await silent.services.history.remove_older(silent.user_id, later)
            assert await again.result()
            assert await silent.status() == "answering"

    asyncio.run(scenario())


@pytest.mark.parametrize("is_stored", [True, False])
@pytest.mark.parametrize("meanwhile", ["deleted", "deleted when started again"])
def test_a_run_whose_place_is_not_confirmed_costs_nothing_and_settles_no_other(
    url: str, monkeypatch: pytest.MonkeyPatch, is_stored: bool, meanwhile: str
) -> None:
    """The reply that it is not queued any more is lost, and with it whether that is stored."""
    monkeypatch.setattr(answers, "RETRY_SECONDS", 0)

    async def scenario() -> None:
        async with silent_question(url, is_queued=True) as silent:
            run, write, later = await run_of(silent), silent.database.write, list[Run]()
            lost = list[DatabaseUnavailable]()

            async def losing_the_reply(work: Any, *args: Any) -> Any:
                if lost:
                    return await write(work, *args)
                lost.append(DatabaseUnavailable(may_be_done=True))
                if is_stored:
                    await write(work, *args)
                if meanwhile.endswith("again"):
                    await silent.checks()
                    if await write(start_again(silent)):
                        later.append(await run_of(silent))
                await silent.services.history.remove(silent.user_id, silent.question_id)
                raise lost[0]

            with monkeypatch.context() as patched:
                patched.setattr(silent.database, "write", losing_the_reply)
                await end_unsent(silent, run)
            if later:
                assert await settled(silent) == (RESERVED, False)
                await end(silent, later[0], "begun and ended")
            await silent.checks()
            assert await settled(silent) == (BILLED if later else UNBILLED, True)
            assert bool(later) == (not is_stored and meanwhile.endswith("again"))

    asyncio.run(scenario())


@pytest.mark.parametrize("end_of", ["an orphan", "cancelled", "its run"])
def test_what_was_not_sent_counts_as_storage_until_it_is_started_again(
    url: str, end_of: str
) -> None:
    async def scenario() -> None:
        async with silent_question(url, is_queued=True) as silent:
            write, user_id = silent.database.write, silent.user_id
            others = await write(_counted, user_id, 1_000_000)
            run = await run_of(silent)
            if end_of == "cancelled":
                await silent.services.questions.cancel(user_id, silent.question_id)
            if end_of == "its run":
                await end_unsent(silent, run, is_own=True)
            await silent.checks()
            assert await settled(silent) == (UNBILLED, True)
            size = unbilled.interval(RESERVED[0])
            assert await write(_full_at, user_id) == others + size
            if end_of != "its run":  # which comes back, and counts it no second time
                await end_unsent(silent, run)
                assert await write(_full_at, user_id) == others + size
            if end_of != "cancelled":
                assert await write(start_again(silent))
                assert await write(_full_at, user_id) == others

    asyncio.run(scenario())


def _counted(connection: Connection, user_id: UUID, size: int) -> int:
    """Count what other questions have stored; returns when the limit is full again."""
    unbilled.count(connection, user_id, size)
    full_at = _full_at(connection, user_id)
    assert full_at > time.time_ns() // 1000
    return full_at


def _full_at(connection: Connection, user_id: UUID) -> int:
    return limits.full_at(connection, unbilled.key(user_id))
