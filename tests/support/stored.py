"""Databases with a row of everything, and with many questions."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select

from askcli.services.clock import new_id, now
from askcli.store import search
from askcli.store.database import Database
from askcli.store.tables import (
    answer_parts,
    api_tokens,
    audit,
    conversation_titles,
    invites,
    limits,
    processes,
    questions,
    refresh_tokens,
    sessions,
    usage,
)
from tests.support.people import new_user

# Texts that one of two databases might keep in another way.
TEXTS = (
    "",
    "a blue sky",
    "Zürich \U0001f600 e\u0301 \u00e9",
    "'\"\\ \t\r\n end",
    "null",
    "x" * 9000,
)
WORDS = [f"word{number:04}" for number in range(5000)]


def fill(url: str, count: int = len(TEXTS)) -> list[UUID]:
    """Put rows of all tables into a database; return two users, who have these questions."""
    database = Database(url)
    with database.transaction() as connection:
        users = [new_user(connection, f"{name}@example.org") for name in ("ada", "bob")]
        for user_id in users:
            _add_account(connection, user_id)
        for number in range(count):
            add_question(connection, users[number % 2], TEXTS[number % len(TEXTS)], number)
        _add_running(connection, users[0])
        _add_titles(connection, users[0])
        long_ago = now() - timedelta(days=2)
        connection.execute(insert(processes).values(id=new_id(), heartbeat_at=long_ago))
        invite = {"id": new_id(), "code_hash": new_id().hex, "note": "for Bob", "uses_left": 1}
        connection.execute(insert(invites).values(**invite, created_at=now(), expires_at=now()))
        for key in ("B", "a", "_", "\u00e9"):  # in another order for a dictionary
            connection.execute(insert(limits).values(key=key, full_at=2**53))
    database.close()
    return users


def id_of(time: datetime) -> UUID:
    """An id as of a question that was asked at that time."""
    bits = 80  # after the milliseconds
    return UUID(int=int(time.timestamp() * 1000) << bits | new_id().int % (1 << bits))


def _add_account(connection: Connection, user_id: UUID) -> None:
    session_id, at = new_id(), now().replace(microsecond=0)
    times = {"created_at": at, "last_used_at": at, "expires_at": at}
    session = {"id": session_id, "user_id": user_id, "client": "a", "used_generation": 1}
    connection.execute(insert(sessions).values(**session, **times))
    for number in range(3):
        token = {"token_hash": new_id().hex, "session_id": session_id, "generation": number}
        connection.execute(insert(refresh_tokens).values(**token, created_at=now()))
    token = {"id": new_id(), "user_id": user_id, "token_hash": new_id().hex, "name": "ci"}
    token |= {"scopes": "ask", "created_at": now(), "expires_at": now()}
    connection.execute(insert(api_tokens).values(**token))
    connection.execute(insert(audit).values(id=new_id(), at=now(), event="login", user_id=user_id))


def add_question(
    connection: Connection, user_id: UUID, text: str, number: int, **values: Any
) -> UUID:
    """Store an answered question and its cost, as a server does."""
    row = {
        "id": new_id(),
        "user_id": user_id,
        "conversation_id": new_id(),
        "question": f"question{number} {text}",
        "system": text if number % 2 else None,
        "answer": f"answer{number} {text}",
        "status": "answered",
        "stop_reason": "end_turn",
        "model": "claude-sonnet-5-5",
        "input_tokens": number,
        "cost_usd": number / 7,
        "created_at": now(),
        "answered_at": now(),
        "request_hash": "",
        **values,
    }
    connection.execute(insert(questions).values(row))
    entry = search.entry(connection.dialect.name, user_id, row["question"], row["answer"])
    search.put(connection, row["id"], entry)
    cost = {"question_id": row["id"], "user_id": user_id, "created_at": now(), "model": "m"}
    cost |= {"input_tokens": 2**40, "output_tokens": 0, "cost_usd": 0.1, "settled": True}
    connection.execute(insert(usage).values(cost))
    return UUID(str(row["id"]))


def _add_running(connection: Connection, user_id: UUID) -> None:
    running = {"status": "answering", "answer": "", "answered_at": None, "process_id": new_id()}
    question_id = add_question(connection, user_id, "", 0, **running)
    for position, text in ((0, "so "), (3, "far"), (100, "...")):
        part = {"question_id": question_id, "position": position, "text": text}
        connection.execute(insert(answer_parts).values(part))


def _add_titles(connection: Connection, user_id: UUID) -> None:
    own = select(questions.c.user_id, questions.c.conversation_id).where(
        questions.c.user_id == user_id
    )
    for row in connection.execute(own).mappings().all():
        connection.execute(insert(conversation_titles).values(**row, title="Z\u00fcrich"))


def fill_with_many(url: str, count: int, seed: int) -> None:
    """Add questions of many words, a thousand in a transaction."""
    user_id, *_ = fill(url)
    database, numbers = Database(url), random.Random(seed)
    for start in range(0, count, 1000):
        with database.transaction() as connection:
            for number in range(start, min(start + 1000, count)):
                text = " ".join(numbers.choices(WORDS, k=numbers.randrange(1, 60)))
                add_question(connection, user_id, text, number)
    database.close()
