"""The log of running answers: what a tick writes, and what it keeps when the database fails."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine, event, select

from askcli.answerers.base import Request
from askcli.errors import DatabaseUnavailable
from askcli.fair_queue import Place
from askcli.services.clock import new_id, now
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs.run import Run
from askcli.services.runs.storage import answer_log
from askcli.services.runs.storage.answer_log import AnswerLog
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.services.runs.storage.progress import Progress
from askcli.services.runs.stream import AnswerStream
from askcli.store import search, tables
from askcli.store.database import Database
from askcli.store.queries import answer_parts, batches, processes, questions, usage
from tests.support.databases import NewDatabase
from tests.support.people import new_user

REQUEST = Request("scripted", (), None, 10)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, new_database: NewDatabase) -> str:
    return new_database(request.param)


class Statements:
    """What an engine does: its commits, and the rows that each kind of statement has changed."""

    def __init__(self, engine: Engine) -> None:
        self.commits = 0
        self.executed = 0
        self.rows: Counter[str] = Counter()
        event.listen(engine, "commit", self._commit)
        event.listen(engine, "after_cursor_execute", self._execute)

    def _commit(self, _connection: Any) -> None:
        self.commits += 1

    def _execute(self, _connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self.executed += 1
        verb, *words = statement.split()
        if verb in ("INSERT", "UPDATE", "DELETE"):
            self.rows[f"{verb} {words[0 if verb == 'UPDATE' else 1]}"] += cursor.rowcount


class Log:
    """The log of a process, its runs, and the database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.process_id = new_id()
        self.log = AnswerLog(database, self.process_id)
        self.statements = Statements(database.engine)
        self.running = ExitStack()

    async def run(self, user_id: UUID, **values: Any) -> Run:
        """Store a question and start its run."""
        row = new_row(user_id, Ask("hello"), REQUEST)
        row |= {"request_hash": "", "is_queued": False, "process_id": self.process_id}
        entry = search.entry(self.database.dialect, user_id, "hello", "")
        await self.database.write(questions.add, row, entry)
        run = Run(row | values, REQUEST, Place(lambda _: None))
        self.log.begin(run)
        self.running.callback(self.log.end, run)
        return run

    async def parts(self, run: Run) -> list[tuple[int, str]]:
        c = tables.answer_parts.c
        query = select(c.position, c.text).where(c.question_id == run.question_id)
        ordered = query.order_by(c.position)
        rows = await self.database.read(lambda connection: connection.execute(ordered).all())
        return [(position, text) for position, text in rows]

    async def text(self, run: Run) -> str:
        """The answer as a reader gets it."""
        row = await self.database.read(questions.by_id, run.user_id, run.question_id)
        return str(row["answer"]) if row else ""

    async def tick(self) -> None:
        await self.log._tick()


@asynccontextmanager
async def log_of(url: str) -> AsyncIterator[tuple[Log, UUID]]:
    """A log whose ticks come when the test says so, and a user."""
    database = Database(url)
    log = Log(database)
    try:
        yield log, await database.write(new_user, f"{new_id()}@example.org")
    finally:
        log.running.close()
        await log.log.close()
        database.close()


def scenario(url: str, work: Callable[[Log, UUID], Any]) -> None:
    async def run() -> None:
        async with log_of(url) as (log, user_id):
            await work(log, user_id)

    asyncio.run(run())


@pytest.fixture(autouse=True)
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 3600)


def test_each_character_is_written_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the text before it put together for that."""
    monkeypatch.setattr(AnswerStream, "text", property(lambda _: pytest.fail("all of it")))

    async def work(log: Log, user_id: UUID) -> None:
        run, words = await log.run(user_id), [f"é{number} " for number in range(90)]
        for number, word in enumerate(words, 1):
            run.stream.append(word)
            if not number % 3:
                await log.tick()
        parts = await log.parts(run)
        assert len(parts) == 30
        assert sum(len(text) for _, text in parts) == len("".join(words))
        lengths = [sum(len(text) for _, text in parts[:number]) for number in range(30)]
        assert [position for position, _ in parts] == lengths
        assert await log.text(run) == "".join(words)
        assert log.statements.rows["INSERT answer_parts"] == 30
        assert log.statements.rows["UPDATE questions"] == 0

    scenario(url, work)


@pytest.mark.parametrize("ids_of_a_statement", [10_000, 20])
def test_a_tick_of_fifty_answers_is_one_commit(
    url: str, monkeypatch: pytest.MonkeyPatch, ids_of_a_statement: int
) -> None:
    monkeypatch.setattr(batches, "MAX_IDS", ids_of_a_statement)

    async def work(log: Log, user_id: UUID) -> None:
        runs = [await log.run(user_id) for _ in range(50)]
        for _ in range(2):
            for run in runs:
                run.stream.append("some text")
            before, log.statements.commits = Counter(log.statements.rows), 0
            await log.tick()
            assert log.statements.commits == 1
            changed = log.statements.rows - before
            assert changed == {"INSERT answer_parts": 50, "INSERT processes": 1}
        assert {await log.text(run) for run in runs} == {"some text" * 2}

    scenario(url, work)


def test_a_process_that_answers_nothing_writes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 0)

    async def work(log: Log, user_id: UUID) -> None:
        run = await log.run(user_id)
        run.stream.append("text")
        while not await log.parts(run):
            await asyncio.sleep(0)
        log.running.close()
        while log.log._task:
            await asyncio.sleep(0)
        executed = log.statements.executed
        for _ in range(20):
            await asyncio.sleep(0)
        assert log.statements.executed == executed
        await log.run(user_id)  # and begins again
        assert log.log._task is not None

    scenario(url, work)


def failing(log: Log, monkeypatch: pytest.MonkeyPatch, errors: Iterable[Exception]) -> None:
    """Let the next ticks be written, and then fail as if the replies to their commits were lost."""
    write, pending = log.database.write, list(errors)

    async def write_and_fail(*args: Any, **more: Any) -> Any:
        result = await write(*args, **more)
        if pending:
            raise pending.pop(0)
        return result

    monkeypatch.setattr(log.database, "write", write_and_fail)


def test_a_part_whose_commit_was_not_confirmed_only_becomes_longer(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many answers share a tick by then, who has seen it does not see less."""

    async def work(log: Log, user_id: UUID) -> None:
        run = await log.run(user_id)
        failing(log, monkeypatch, [DatabaseUnavailable(may_be_done=True)] * 2)
        for word in ("one ", "two "):
            run.stream.append(word)
        for _ in range(3):
            await log.tick()
            assert await log.text(run) == "one two "
            run.stream.append("three ")
            monkeypatch.setattr(answer_log, "TICK_CHARACTERS", len("three "))
        assert await log.parts(run) == [(0, "one two ")]
        await log.tick()
        assert await log.parts(run) == [(0, "one two "), (8, "three ")]

    scenario(url, work)


def test_text_that_an_outage_has_held_up_is_stored_in_portions(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_log, "TICK_CHARACTERS", 40)

    async def work(log: Log, user_id: UUID) -> None:
        runs = [await log.run(user_id) for _ in range(2)]
        for run in runs:
            for number in range(10):
                run.stream.append(f"{number:>10}")
        for _ in range(5):
            await log.tick()
        for run in runs:
            assert [len(text) for _, text in await log.parts(run)] == [20] * 5
            assert await log.text(run) == run.stream.text

    scenario(url, work)


def test_a_text_that_cannot_be_stored_fails_alone(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(log: Log, user_id: UUID) -> None:
        runs = [await log.run(user_id) for _ in range(3)]
        runs[1].stream.append("\ud800")
        for number in range(3):
            for run in runs:
                run.stream.append(str(number))
            log.statements.commits = 0
            await log.tick()
        assert log.statements.commits == 1  # apart from it, they are written together again
        assert [await log.text(run) for run in runs] == ["012", "", "012"]
        assert caplog.text.count(f"{runs[1].question_id}: its text could not be stored") == 1

    scenario(url, work)


def test_a_run_stops_when_its_question_is_no_longer_its_own(url: str) -> None:
    async def work(log: Log, user_id: UUID) -> None:
        own, cancelled, taken, unconfirmed, found = [await log.run(user_id) for _ in range(5)]
        for run in (own, cancelled, taken, unconfirmed, found):
            run.stream.append("text")
        await log.tick()
        await log.database.write(questions.cancel, user_id, cancelled.question_id, now())
        other = {"run_id": new_id()}
        await log.database.write(questions.change, taken.question_id, taken.id, other)
        await log.database.write(questions.remove, user_id, unconfirmed.question_id)
        unconfirmed.is_confirmed = found.is_confirmed = False
        for run in (own, cancelled, taken, unconfirmed):
            run.stream.append(" and more")
        await log.tick()
        assert [is_stopped(run) for run in (own, cancelled, taken)] == [False, True, True]
        assert [is_stopped(run) for run in (unconfirmed, found)] == [False, False]
        assert (unconfirmed.is_confirmed, found.is_confirmed) == (False, True)
        assert [await log.text(run) for run in (own, cancelled)] == ["text and more", "text"]
        assert await log.parts(taken) == [(0, "text")]  # what started it again deletes that

    scenario(url, work)


def is_stopped(run: Run) -> bool:
    return run._stop_error is not None


def test_a_locked_question_holds_up_no_other(new_database: NewDatabase) -> None:
    url = new_database("postgres")

    async def work(log: Log, user_id: UUID) -> None:
        locked, free = await log.run(user_id), await log.run(user_id)
        for run in (locked, free):
            run.stream.append("text")
        with psycopg.connect(url) as connection:
            query = "SELECT FROM questions WHERE id = %s FOR UPDATE"
            connection.execute(query, [locked.question_id])
            await log.tick()
            assert (await log.text(locked), await log.text(free)) == ("", "text")
            assert not is_stopped(locked)
        await log.tick()
        assert await log.text(locked) == "text"

    scenario(url, work)


def test_who_ends_an_answer_has_all_that_was_stored(new_database: NewDatabase) -> None:
    """It waits for a tick that is being written, and reads what that has written."""
    url = new_database("postgres")

    async def work(log: Log, user_id: UUID) -> None:
        run = await log.run(user_id)
        part = {"question_id": run.question_id, "position": 0, "text": "text"}
        with log.database.transaction() as connection:
            answer_parts.running(connection, {run.question_id}, locked=True)
            cancelling = asyncio.create_task(
                log.database.write(questions.cancel, user_id, run.question_id, now())
            )
            await asyncio.wait([cancelling], timeout=0.3)
            assert not cancelling.done()
            answer_parts.add(connection, [part])
        assert await cancelling
        assert (await log.text(run), await log.parts(run)) == ("text", [])

    scenario(url, work)


def test_an_end_that_waits_for_the_first_part_leaves_none(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick stores it while the end waits for the row."""
    url, change = new_database("postgres"), questions.change

    async def work(log: Log, user_id: UUID) -> None:
        run = await log.run(user_id)
        run.stream.append("text")

        def change_after_a_tick(*args: Any) -> bool:
            with log.database.transaction() as another:
                answer_parts.add(another, [Progress(run).next_part(100).row])
            return change(*args)

        monkeypatch.setattr(questions, "change", change_after_a_tick)
        metering = cast(Any, SimpleNamespace(settle=lambda *_: None))
        storage = AnswerStorage(log.database, metering, cast(Any, None))
        outcome, values = run.outcome(), {"answer": "text", "status": "answered"}
        entry = search.entry(log.database.dialect, user_id, "hello", "text")
        assert await log.database.write(storage._end, run, values, outcome, entry)
        assert (await log.text(run), await log.parts(run)) == ("text", [])

    scenario(url, work)


def test_an_answer_that_ends_or_starts_again_leaves_no_parts(url: str) -> None:
    async def work(log: Log, user_id: UUID) -> None:
        run, other = await log.run(user_id), new_id()
        run.stream.append("text")
        await log.tick()
        ids, write = (run.question_id, run.id), log.database.write
        end = {"answer": "text and its end", "status": "failed", "error": "provider_failed"}
        entry = search.entry(log.database.dialect, user_id, "hello", "text and its end")
        assert await write(questions.finish, *ids, end, entry)
        assert (await log.text(run), await log.parts(run)) == ("text and its end", [])
        cost = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0, "model": "m"}
        reservation = {"question_id": run.question_id, "user_id": user_id, "created_at": now()}
        await write(usage.reserve, reservation | cost)
        await write(usage.settle, run.question_id, cost)
        part = {"question_id": run.question_id, "position": 0, "text": "left over"}
        await write(answer_parts.add, [part])
        again = {"id": run.question_id, "user_id": user_id, "run_id": other, "answer": ""}
        assert await write(questions.start_again, again | {"status": "answering"})
        assert (await log.text(run), await log.parts(run)) == ("", [])

    scenario(url, work)


def test_an_ending_process_takes_its_sign_of_life_with_it(url: str) -> None:
    async def work(log: Log, user_id: UUID) -> None:
        run = await log.run(user_id)
        await log.tick()
        await log.log.close()
        assert await beating(log) == [log.process_id]  # an answer of it is left
        await log.database.write(questions.remove, user_id, run.question_id)
        await log.log.close()
        assert await beating(log) == []

    scenario(url, work)


def test_a_sign_of_life_under_way_is_not_left_by_an_ending_process(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat, has_beaten, go_on = processes.beat, threading.Event(), threading.Event()

    def beat_slowly(*args: Any) -> None:
        beat(*args)
        has_beaten.set()
        assert go_on.wait(30)

    monkeypatch.setattr(processes, "beat", beat_slowly)

    async def work(log: Log, user_id: UUID) -> None:
        run = await log.run(user_id)
        await log.database.write(questions.remove, user_id, run.question_id)
        assert log.log._task
        log.log._task.cancel()
        log.log._task = asyncio.create_task(log.log._tick())
        assert await asyncio.to_thread(has_beaten.wait, 30)
        closing = asyncio.create_task(log.log.close())
        await asyncio.wait([closing], timeout=0.1)
        go_on.set()
        await closing
        assert await beating(log) == []

    scenario(url, work)


async def beating(log: Log) -> list[UUID]:
    query = select(tables.processes.c.id)
    ids = await log.database.read(lambda connection: connection.scalars(query).all())
    return cast(list[UUID], ids)
