"""Stored questions in bulk, with their entries in the search index, through the store's tables."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from askcli.services.clock import new_id, now
from askcli.store import search
from askcli.store.database import Database
from askcli.store.search import postgresql, sqlite
from askcli.store.tables import questions

ALL_HAVE, FEW_HAVE = "question", "rarely"
BATCH, SAMPLE, FEW = 5_000, 500, 1_000
_WORDS = [f"word{number}" for number in range(5_000)]


def store(url: str, user_id: str, count: int, seconds: float) -> list[str]:
    """Store answered questions of a user; returns some of the ids, none when the time is too short.

    One question in a thousand has the word `FEW_HAVE`, each has `ALL_HAVE`.
    """
    began = time.monotonic()
    chosen, database = random.Random(count), Database(url)
    ids: list[str] = []
    for start in range(0, count, BATCH):
        rows = list(_rows(UUID(user_id), range(start, min(count, start + BATCH)), chosen))
        with database.transaction() as connection:
            _add(connection, rows)
        ids += [str(row["id"]) for row in chosen.sample(rows, min(len(rows), SAMPLE // 5))]
        if (time.monotonic() - began) * count / (start + len(rows)) > seconds:
            ids = []
            break
    database.close()
    return chosen.sample(ids, min(len(ids), SAMPLE))


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
