"""The registry of runs: an answer of this process, and the same one followed from its row."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from askcli.answerers.base import Request
from askcli.answerers.scripted import ScriptedAnswerer
from askcli.errors import DatabaseUnavailable, ProviderOverloaded, ShuttingDown
from askcli.fair_queue import FairQueue, Place
from askcli.server.bootstrap import build
from askcli.server.http.activity import Activity
from askcli.server.http.middleware import Envelope
from askcli.server.http.refusals import Refusals
from askcli.services.clock import new_id, now
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs import registry
from askcli.services.runs.elsewhere.remote import Feeds
from askcli.services.runs.generation import Generator
from askcli.services.runs.registry import Runs
from askcli.services.runs.run import Run
from askcli.services.runs.storage import answer_log
from askcli.services.runs.storage.answer_log import AnswerLog
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.settings import Settings
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.queries import answer_parts, users
from tests.support.databases import migrated_file
from tests.support.people import new_user
from tests.support.secrets import SECRET


class HeldGenerator:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def generate(self, run: Run) -> None:
        await self.go_on.wait()
        run.stream.end(run.stream.question, None)


class GoneDatabase:
    """A database in which the question's row is gone: who follows it sees the end."""

    unit_seconds = 0.0

    async def read(self, work: Any, *_: Any) -> Any:
        return [] if work is answer_parts.news else None


class WritingDatabase:
    """A database that takes whatever is written."""

    async def write_entry(self, *_: Any) -> bool:
        return True


class NoIndexing:
    """Makes no entries."""

    async def ended(self, *_: Any) -> None:
        return None


def feeds() -> Feeds:
    """Feeds from this database, in a process to which no notifications come."""
    database = cast(Database, GoneDatabase())
    return Feeds(database, Listener(database, new_id()), new_id())


def new_run(place: Place) -> Run:
    """A run of a question that is queued or not, as its place is."""
    request = Request("model", (), None, 10)
    row = new_row(new_id(), Ask("hello"), request) | {"is_queued": not place.is_granted}
    return Run(row, request, place)


def test_a_repeated_request_that_comes_before_its_run_hides_no_run() -> None:
    """It finds the stored row and follows it, and the run starts beside it."""

    async def scenario() -> None:
        generator, run = HeldGenerator(), new_run(Place(lambda _: None))
        runs = Runs(cast(Database, GoneDatabase()), cast(Generator, generator), feeds())
        this = {asyncio.current_task()}
        follower = asyncio.create_task(runs.join(run.stream.question).wait())
        following = {follower} | asyncio.all_tasks() - this
        started = runs.start(run)
        generating = asyncio.all_tasks() - this - following
        await asyncio.wait(following)
        assert runs.active == 1
        assert runs.join(run.stream.question) is started
        generator.go_on.set()
        await asyncio.wait(generating)
        assert not any(task.exception() for task in following | generating)
        assert runs.active == 0

    asyncio.run(scenario())


def test_a_question_that_loses_its_place_in_line_fails_and_was_not_sent() -> None:
    async def scenario() -> None:
        turns = FairQueue(1, 4, ProviderOverloaded)
        turns.reserve("somebody")
        run = new_run(turns.reserve("greedy"))
        nothing = cast(Any, None)
        database = cast(Database, WritingDatabase())
        storage = AnswerStorage(database, nothing, cast(Any, NoIndexing()))
        generator = Generator(
            ScriptedAnswerer(None), nothing, storage, AnswerLog(database, new_id())
        )
        generating = asyncio.create_task(generator.generate(run))
        run.place.refuse(ProviderOverloaded(retry_after=10))
        await asyncio.wait_for(generating, 10)
        question = run.stream.question
        assert (question["status"], question["error"]) == ("failed", "provider_overloaded")
        assert not run.outcome().is_billable

    asyncio.run(scenario())


@pytest.mark.parametrize(("seconds", "status"), [(30, "answered"), (0, "interrupted")])
def test_a_drain_waits_for_a_question_that_was_let_in_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, status: str
) -> None:
    """It is being stored when the drain begins; its run starts after that."""
    url = migrated_file(tmp_path / "askcli.db")
    settings = Settings(db_conn_string=url, jwt_secret=SECRET, answerer="scripted")

    async def scenario() -> str:
        services = build(settings)
        write, is_storing, go_on = services.database.write_entry, asyncio.Event(), asyncio.Event()

        async def held_write(*args: Any) -> Any:
            is_storing.set()
            await go_on.wait()
            return await write(*args)

        user_id = new_id()
        user = {"id": user_id, "email": "a@b.example", "email_key": "a@b.example", "name": "A"}
        await services.database.write(users.add, user | {"password_hash": "", "created_at": now()})
        monkeypatch.setattr(services.database, "write_entry", held_write)
        asking = asyncio.create_task(services.questions.ask(user_id, Ask("hello"), None))
        await is_storing.wait()
        draining = asyncio.create_task(services.runs.drain(seconds))
        await asyncio.sleep(0)
        go_on.set()
        await draining
        stream = await asking
        await services.close()
        return stream.question["status"]

    assert asyncio.run(scenario()) == status


def test_who_waits_for_an_answer_that_cannot_be_stored_is_told_of_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "STORE_SECONDS", 0)

    async def scenario() -> None:
        generator = cast(Generator, HeldGenerator())
        runs = Runs(cast(Database, GoneDatabase()), generator, feeds())
        stream = runs.start(new_run(Place(lambda _: None)))
        await asyncio.sleep(0)  # it begins to generate
        await runs.drain(0)
        assert stream.ended
        assert isinstance(stream.error, ShuttingDown)

    asyncio.run(scenario())


def test_a_cancel_waits_no_longer_than_a_unit_for_an_end_that_cannot_be_stored() -> None:
    """The run goes on storing it."""

    async def scenario() -> None:
        generator, run = HeldGenerator(), new_run(Place(lambda _: None))
        runs = Runs(cast(Database, GoneDatabase()), cast(Generator, generator), feeds())
        stream = runs.start(run)
        with pytest.raises(DatabaseUnavailable) as failure:
            await asyncio.wait_for(runs.cancel(run.user_id, run.question_id), 30)
        assert failure.value.may_be_done
        assert runs.active == 1
        generator.go_on.set()
        await stream.wait()

    asyncio.run(scenario())


def test_a_request_that_a_stop_cuts_off_gets_a_problem() -> None:
    sent: list[Any] = []

    async def scenario() -> None:
        is_waiting = asyncio.Event()

        async def app(*_: Any) -> None:
            is_waiting.set()
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": [(b"host", b"a")],
        }
        envelope = Envelope(Refusals(app, None, lambda: None), Activity(), lambda: False)
        request = asyncio.create_task(envelope(scope, cast(Any, None), send))
        await is_waiting.wait()
        request.cancel()
        await request

    asyncio.run(scenario())
    assert sent[0]["status"] == 503
    assert json.loads(bytes(sent[1]["body"]))["code"] == "shutting_down"


def test_an_answer_has_signs_of_life_until_its_end_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process would take it for an orphan while its end cannot be stored."""
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 0.01)
    url = migrated_file(tmp_path / "askcli.db")

    async def scenario() -> None:
        services = build(Settings(db_conn_string=url, jwt_secret=SECRET, answerer="scripted"))
        user_id = await services.database.write(new_user, "a@example.org")
        write, write_entry = services.database.write, services.database.write_entry
        is_ending, has_beaten = asyncio.Event(), asyncio.Event()

        async def noted(*args: Any, **more: Any) -> Any:
            done = await write(*args, **more)
            if is_ending.is_set():
                has_beaten.set()
            return done

        async def held(*args: Any) -> Any:
            is_ending.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(has_beaten.wait(), 5)
            return await write_entry(*args)

        run = services.runs.start

        def start(*args: Any, **more: Any) -> Any:  # the question is stored
            monkeypatch.setattr(services.database, "write_entry", held)
            return run(*args, **more)

        monkeypatch.setattr(services.database, "write", noted)
        monkeypatch.setattr(services.runs, "start", start)
        stream = await services.questions.ask(user_id, Ask("hello"), None)
        await stream.wait()
        assert has_beaten.is_set()
        assert stream.question["status"] == "answered"
        await services.close()

    asyncio.run(scenario())
