"""Texts that the database refuses to store, whatever is tried, and how their answers end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.orphans import silent_question
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.returning_runs import charged, end, row_of, run_of
from tests.support.servers import serving
from tests.support.usage import settled
from tests.support.waiting import eventually

REFUSED = "unstorable"
# Each database's own error of data: a text for which it has no characters, one that is too long.
CREATE = {
    "sqlite": (
        "CREATE TRIGGER refuse_{what}_{table} BEFORE {what} ON {table}"
        " WHEN NEW.{column} LIKE '%{refused}%' BEGIN SELECT zeroblob(2147483647); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no such character' USING ERRCODE = '22P05'; END $$",
        "CREATE TRIGGER refuse_{what}_{table} BEFORE {what} ON {table} FOR EACH ROW"
        " WHEN (NEW.{column} LIKE '%{refused}%') EXECUTE FUNCTION refuse()",
    ),
}
COLUMNS = (("questions", "answer"), ("answer_parts", "text"), ("usage", "model"))


def refuse(connection: Connection) -> None:
    """Let the database refuse such a text of an answer, and such a name of its model."""
    for table, column in COLUMNS:
        for what in ("INSERT", "UPDATE"):
            names = {"what": what, "table": table, "column": column, "refused": REFUSED}
            for statement in CREATE[connection.dialect.name]:
                connection.exec_driver_sql(statement.format(**names).replace("%", "%%"))


@pytest.fixture(params=["sqlite", "postgres"])
def refusing(
    request: pytest.FixtureRequest, new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> Iterator[ServerProcess]:
    """A server whose database refuses them."""
    process = serving(tmp_path, fake, new_database(request.param))
    with database_of(process) as connection:
        refuse(connection)
    yield process
    assert process.stop() == 0


def rename(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the provider report another name of the model."""
    for event in events:
        if event["type"] == "message_start":
            event["message"]["model"] = REFUSED
    return events


@pytest.mark.parametrize("has_unstorable_report", [False, True])
def test_an_answer_whose_text_is_refused_fails_with_the_text_so_far(
    refusing: ServerProcess,
    new_person: NewPerson,
    fake: FakeAnthropic,
    has_unstorable_report: bool,
) -> None:
    alice = new_person(refusing)
    more = {"edit": rename} if has_unstorable_report else {}
    reply = fake.on("how", "stored, ", f"{REFUSED} ", "end", hold_after=1, **more)
    with alice.http.stream(
        "POST",
        "/api/questions",
        json={"question": "how?"},
        headers={"accept": "text/event-stream"},
    ) as stream:
        eventually(lambda: [q for q in alice.questions() if q["answer"] == "stored, "])
        reply.release()
        events = "".join(stream.iter_text())
    assert '"question_status":"failed"' in events
    assert "cannot store this answer" in events
    (question,) = alice.questions()
    assert (question["status"], question["answer"]) == ("failed", "stored, ")
    assert found(alice, "how") == [question["id"]]
    (cost,) = settled(refusing, alice)
    tokens = cost["input_tokens"], cost["output_tokens"]
    text = f"stored, {REFUSED} end"
    assert tokens == ((len("how?") + 16, len(text) + 8) if has_unstorable_report else (11, 7))


def found(person: Person, word: str) -> list[str]:
    page = person.http.get("/api/users/me/questions", params={"search": word}).json()
    return [item["id"] for item in page["items"]]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_answer_that_was_cancelled_and_whose_text_is_refused_is_settled(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario() -> None:
        async with silent_question(new_database(kind)) as silent:
            await silent.database.write(refuse)
            run = await run_of(silent)
            await silent.services.questions.cancel(silent.user_id, silent.question_id)
            await end(silent, run, f"begun and {REFUSED}")
            stored = await row_of(silent)
            assert (stored["status"], stored["answer"]) == ("cancelled", "begun")
            assert await charged(silent) == (11, 7)

    asyncio.run(scenario())
