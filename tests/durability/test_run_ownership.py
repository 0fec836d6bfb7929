"""A run changes its question only while the question is its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from sqlalchemy import RowMapping, select, update

from askcli.services import background
from askcli.services.clock import new_id, now
from askcli.store.queries import answer_parts
from askcli.store.tables import questions
from tests.support.cli import Cli
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.servers import paused, serving
from tests.support.soak import SOAK, seeded
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually


def stored(server: ServerProcess, marker: str) -> RowMapping:
    """The row of the question, with its text so far."""
    with database_of(server) as connection:
        columns = answer_parts.columns_of(connection.dialect.name)
        query = select(*columns).where(questions.c.question == marker)
        return connection.execute(query).mappings().one()


def change(server: ServerProcess, question_id: UUID, **values: object) -> None:
    """Change the question as another process does that ends it, or starts it again."""
    with database_of(server) as connection:
        answer_parts.end(connection, [question_id], {})
        connection.execute(update(questions).where(questions.c.id == question_id).values(**values))


class HeldAsk:
    """A question whose answer is held after its first piece."""

    def __init__(self, person: Person, server: ServerProcess, fake: FakeAnthropic) -> None:
        self.marker = uuid4().hex
        self._reply = fake.on(self.marker, "begun", " and ended", hold_after=1)
        self._pool = ThreadPoolExecutor(1)
        self._response: Future[httpx2.Response] = self._pool.submit(person.ask, self.marker)
        assert self._reply.reached.wait(30)
        eventually(lambda: stored(server, self.marker)["answer"] == "begun")

    def release(self) -> httpx2.Response:
        """Let the provider end the answer; returns the response to the ask."""
        self._reply.release()
        response = self._response.result(30)
        self._pool.shutdown()
        return response


def test_a_cancel_through_another_process_is_the_end_for_everybody(
    server: ServerProcess, twin: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    held = HeldAsk(alice, server, fake)
    row = stored(server, held.marker)
    with alice.at(twin) as elsewhere:
        cancelled = elsewhere.post(f"/api/questions/{row['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    response = held.release()
    assert (response.status_code, response.json()["code"]) == (409, "cancelled")
    question = alice.http.get(f"/api/questions/{row['id']}").json()
    assert question["status"] == "cancelled"
    assert question["answer"].startswith("begun")


def test_an_answer_that_was_found_interrupted_stays_so(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """Its process was only paused or cut off; its reader may have asked again."""
    held = HeldAsk(alice, server, fake)
    row = stored(server, held.marker)
    change(server, row["id"], status="interrupted", error="interrupted", answered_at=now())
    response = held.release()
    assert (response.status_code, response.json()["code"]) == (502, "interrupted")
    row = stored(server, held.marker)
    assert row["status"] == "interrupted"
    assert row["answer"].startswith("begun")  # and what has come since


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_stopped_process_that_comes_back_keeps_what_its_asker_was_shown(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, kind: str
) -> None:
    url, random = new_database(kind), seeded()
    servers = [
        serving(tmp_path / name, fake, url, ASKCLI_ORPHAN_SECONDS="2") for name in ("one", "two")
    ]
    person, words = new_person(servers[0]), [f"word{number} " for number in range(120)]
    for _ in range(20 if SOAK else 1):
        fake.on(marker := uuid4().hex, *words, pause=0.02)
        shown = random.randrange(1, 500)
        with ThreadPoolExecutor(1) as pool, person.at(servers[1]) as elsewhere:
            asking = pool.submit(ask_until_cut, person, servers[0], seen := Seen(marker))
            eventually(lambda seen=seen, shown=shown: seen.text and seen.text[-1][1] >= shown)  # type: ignore[misc]
            with paused(servers[0]):
                found = eventually(partial(_ended, elsewhere, seen.question_id))
            asking.result()
        assert found
        assert found["status"] == "interrupted"
        assert "".join(words).startswith(found["answer"])
        now_stored = person.http.get(f"/api/questions/{seen.question_id}").json()
        assert now_stored["status"] == "interrupted"
        assert now_stored["answer"].startswith(found["answer"])
        assert len(now_stored["answer"]) >= seen.text[-1][1]  # all that its asker was shown
        assert len(fake.asked(marker)) == 1
    assert [server.stop() for server in servers] == [0, 0]


def _ended(http: httpx2.Client, question_id: str) -> dict[str, Any] | None:
    """The question, if its answer has ended."""
    question: dict[str, Any] = http.get(f"/api/questions/{question_id}").json()
    return question if question["status"] in ("interrupted", "answered") else None


def test_an_earlier_run_overwrites_nothing_of_a_later_one(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """The question was started again by another process, whose run is new."""
    held = HeldAsk(alice, server, fake)
    row = stored(server, held.marker)
    change(server, row["id"], run_id=new_id(), answer="of the later run")
    response = held.release()
    assert response.status_code == 503
    row = stored(server, held.marker)
    assert (row["status"], row["answer"]) == ("answering", "of the later run")
    change(server, row["id"], status="interrupted", error="interrupted", answered_at=now())


def test_a_cancel_in_the_process_of_an_earlier_run_ends_the_later_one(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """It stopped the earlier one, and the later one went on."""
    held = HeldAsk(alice, server, fake)
    row = stored(server, held.marker)
    change(server, row["id"], run_id=new_id())
    cancelled = alice.http.post(f"/api/questions/{row['id']}/cancel").json()
    assert cancelled["status"] == stored(server, held.marker)["status"] == "cancelled"
    held.release()


def test_the_command_follows_a_later_run_whose_text_replaces_none(
    server: ServerProcess, cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "never shown", hold_after=-1)
    process = cli.start("ask", marker, stderr=-1)
    assert reply.reached.wait(30)
    row = stored(server, marker)
    change(server, row["id"], run_id=new_id(), answer="of the ")
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"of the "
    end = {"status": "answered", "answered_at": now(), "stop_reason": "end_turn"}
    change(server, row["id"], answer="of the later run", **end)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"later run\n", 0), err
    reply.release()


def test_the_command_adds_no_later_runs_text_to_what_is_shown(
    server: ServerProcess, cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    process = cli.start("ask", marker, stderr=-1)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"begun"
    row = stored(server, marker)
    change(server, row["id"], run_id=new_id(), answer="another answer")
    out, err = process.communicate(timeout=60)
    assert (out.strip(), process.returncode) == (b"", 5)
    assert f"askcli ask --rejoin {row['id']}" in err.decode()
    change(server, row["id"], status="interrupted", error="interrupted", answered_at=now())
    reply.release()


def test_a_statement_that_fails_in_mid_answer_loses_nothing(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """A restored backup, or a privilege that was taken away: no outage, and not for ever."""
    url = new_database("postgres")
    server = serving(tmp_path, fake, url)
    held = HeldAsk(new_person(server), server, fake)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE questions RENAME TO gone")
        eventually(lambda: any("its text could not be stored" in line for line in server.log))
        connection.execute("ALTER TABLE gone RENAME TO questions")
    response = held.release()
    assert (response.status_code, response.json()["answer"]) == (201, "begun and ended")
    assert server.stop() == 0


@pytest.mark.parametrize("error", [RuntimeError, KeyError])
def test_work_in_the_background_goes_on_after_a_failure(error: Callable[[], Exception]) -> None:
    calls = 0

    async def fail_once() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise error()
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(background.repeat(fail_once, 0))
    assert calls == 2
