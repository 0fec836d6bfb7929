"""The steps of state machines that the nights have taken are noted, on both databases."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, update

from askcli.store.database import Database
from askcli.store.tables import questions, refresh_tokens, sessions, users
from tests.simulation import night, transitions
from tests.simulation.plan import draw
from tests.simulation.transitions import MACHINES, NONE
from tests.support.databases import NewDatabase

AT = datetime(2026, 9, 1, tzinfo=UTC)


def row(**values: Any) -> dict[str, Any]:
    return {"id": uuid4(), "created_at": AT, **values}


USER = row(name="n", email="e", email_key="e", password_hash="h")
SESSION = row(
    user_id=USER["id"], client="c", used_generation=0, last_used_at=AT, expires_at=AT, network="n"
)
QUESTION = row(
    user_id=USER["id"],
    conversation_id=uuid4(),
    question="q",
    answer="",
    status="answering",
    is_queued=True,
    model="m",
    request_hash="h",
)
TOKEN = {"token_hash": "t", "session_id": SESSION["id"], "generation": 0, "created_at": AT}

STEPS = (
    insert(users).values(USER),
    insert(sessions).values(SESSION),
    insert(refresh_tokens).values(TOKEN),
    insert(questions).values(QUESTION),
    update(questions).values(is_queued=False),
    update(questions).values(answer="some"),  # which is no step
    update(questions).values(status="failed"),
    update(refresh_tokens).values(used_at=AT),
    update(sessions).values(ended_at=AT),
    delete(users),  # with all that is theirs
)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_each_step_of_a_row_is_noted(new_database: NewDatabase, kind: str) -> None:
    database = Database(new_database(kind))
    with database.transaction() as connection:
        for statement in transitions.statements(connection.dialect.name):
            connection.exec_driver_sql(statement)
        for step in STEPS:
            connection.execute(step)
        rows = connection.exec_driver_sql(transitions.COUNTS).mappings().all()
    database.close()
    names = [
        f"run: {NONE} -> queued",
        "run: queued -> answering",
        "run: answering -> failed",
        f"run: failed -> {NONE}",
        f"session: {NONE} -> live",
        "session: live -> ended",
        f"session: ended -> {NONE}",
        f"refresh token: {NONE} -> unused",
        "refresh token: unused -> used",
        f"refresh token: used -> {NONE}",
    ]
    counts = transitions.counted(dict(one) for one in rows)
    assert counts == Counter(names)
    assert not transitions.impossible(counts)


def test_a_step_that_its_machine_does_not_have_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    run = replace(MACHINES[0], steps=MACHINES[0].steps - {("answering", "answered")})
    monkeypatch.setattr(transitions, "MACHINES", (run, *MACHINES[1:]))
    assert night.run(draw(1)).wrong == ["run: answering -> answered, which is no step of it"]


def test_the_report_names_what_was_never_seen() -> None:
    text = "\n".join(transitions.report({"run: queued -> answering": 3}))
    assert "run: 1 of 20 steps" in text
    assert "         3 queued -> answering" in text
    assert "     never answering -> answered" in text
    assert all(machine.name in text for machine in MACHINES)
