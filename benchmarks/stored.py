"""Stored questions in bulk, with their entries in the search index, through the store's tables."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert
from tests.support.people import new_user

from askcli.services.clock import new_id, now
from askcli.store import migrations, search
from askcli.store.database import Database
from askcli.store.search import postgresql, sqlite
from askcli.store.tables import questions
from benchmarks.databases import Databases
from benchmarks.peers.environments import HERE

ALL_HAVE, FEW_HAVE = "question", "rarely"
BATCH, SAMPLE, FEW = 5_000, 500, 1_000
_WORDS = [f"word{number}" for number in range(5_000)]


@dataclass(frozen=True)
class Stored:
    """A database with questions of one user: its URL, the user's email, and ids of some."""

    url: str
    email: str
    ids: list[str]


def stored(databases: Databases, kind: str, count: int, seconds: float) -> Stored | None:
    """Return a database with so many questions; None when they take longer than this to store.

    A file of SQLite is kept for the next run, and copied.
    """
    if kind != "SQLite":
        return _fill(databases.new(kind), count, seconds)
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    kept = HERE / f"stored-{migrations.HEAD}-{own}-{count}.db"
    notes = kept.with_suffix(".json")
    if not notes.exists():
        kept.unlink(missing_ok=True)
        filled = _fill(f"sqlite:///{kept}", count, seconds)
        if filled is None:
            kept.unlink()
            return None
        notes.write_text(json.dumps(asdict(filled)))
    url = databases.new(kind)
    shutil.copy(kept, url.removeprefix("sqlite:///"))
    return replace(Stored(**json.loads(notes.read_text())), url=url)


def _fill(url: str, count: int, seconds: float) -> Stored | None:
    """Store answered questions of a new user, in batches; None when that takes too long.

    One question in a thousand has the word `FEW_HAVE`, each has `ALL_HAVE`.
    """
    database, email = Database(url), f"{uuid4().hex}@example.org"
    migrations.upgrade(database)
    with database.transaction() as connection:
        user_id = new_user(connection, email)
    chosen, ids, began = random.Random(count), list[str](), time.monotonic()
    for start in range(0, count, BATCH):
        rows = list(_rows(user_id, range(start, min(count, start + BATCH)), chosen))
        with database.transaction() as connection:
            _add(connection, rows)
        ids += [str(row["id"]) for row in chosen.sample(rows, min(len(rows), SAMPLE // 5))]
        if (time.monotonic() - began) * count / (start + len(rows)) > seconds:
            database.close()
            return None
    _analyze(database)
    database.close()
    return Stored(url, email, chosen.sample(ids, min(len(ids), SAMPLE)))


def _analyze(database: Database) -> None:
    """Give PostgreSQL's planner the statistics that it collects itself within a minute of use."""
    if not database.is_sqlite:
        with database.transaction() as connection:
            connection.exec_driver_sql("ANALYZE")


def _rows(user_id: UUID, numbers: range, chosen: random.Random) -> Iterator[dict[str, Any]]:
    for number in numbers:
        rare = f" {FEW_HAVE}" if number % FEW == 0 else ""
        answer = " ".join(chosen.choices(_WORDS, k=20))
        yield {
            "id": new_id(),
            "user_id": user_id,
            "conversation_id": new_id(),
            "question": f"{ALL_HAVE} {number}{rare}: {' '.join(chosen.choices(_WORDS, k=5))}?",
            "answer": f"The answer is {answer}.",
            "status": "answered",
            "stop_reason": "end_turn",
            "model": "claude-sonnet-4-5",
            "input_tokens": 11,
            "output_tokens": 16,
            "cost_usd": 0.0003,
            "created_at": now(),
            "answered_at": now(),
            "is_queued": False,
            "request_hash": "",
        }


def _add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Insert questions and their entries, each kind by one statement."""
    connection.execute(insert(questions), rows)
    dialect = connection.dialect.name
    entries = [
        {
            "question_id": row["id"],
            **search.entry(dialect, row["user_id"], row["question"], row["answer"]),
        }
        for row in rows
    ]
    first = {name: value for name, value in entries[0].items() if name != "question_id"}
    search.schema(dialect).put(connection, rows[0]["id"], first)  # it makes the user known, too
    statement = (sqlite if dialect == "sqlite" else postgresql)._PUT
    connection.execute(statement, entries[1:])
