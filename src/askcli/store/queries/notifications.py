"""Notifications between the server processes on one PostgreSQL, sent within a unit of work.

They arrive once the unit's transaction has committed, and never if it has not. On SQLite nothing is
sent: its processes poll. A commit with a notification takes a lock that all such commits of the
PostgreSQL server share: what happens with each request sends none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select

from askcli.store.queries import batches

EVERYBODY = "askcli"  # the channel of all processes; each has one of its own besides
MAX_IDS = 200  # of a notification, which has 8,000 bytes at most


class Kind(StrEnum):
    """What a notification is about, and the ids that it has."""

    CHANGED = "changed"  # questions that were ended, or deleted, by another process than their own
    NEWS = "news"  # questions that the receiver follows: there is text, or an end
    FOLLOW = "follow"  # the process that follows, and the receiver's questions that it follows
    REVOKED = "revoked"  # users of whom a session or a token has ended
    TEST = "test"  # a random one


class Notification(NamedTuple):
    """A notification as it arrives."""

    kind: Kind
    ids: list[UUID]


def channel(process_id: UUID) -> str:
    """Return the channel of a process."""
    return f"{EVERYBODY}_{process_id.hex}"


def parse(payload: str) -> Notification | None:
    """Return what a payload says, None for one of a later version, or of somebody else."""
    kind, *ids = payload.split(" ")
    try:
        return Notification(Kind(kind), [UUID(id_) for id_ in ids])
    except ValueError:
        return None


def changed(connection: Connection, question_ids: Collection[UUID]) -> None:
    """Tell all processes of questions that another process may be answering, or following."""
    _send(connection, EVERYBODY, Kind.CHANGED, question_ids)


def revoked(connection: Connection, user_id: UUID) -> None:
    """Tell all processes that a session or a token of a user has ended."""
    _send(connection, EVERYBODY, Kind.REVOKED, [user_id])


def news(connection: Connection, questions: Mapping[UUID, Collection[UUID]]) -> None:
    """Tell processes, by id, that there is something new of these questions."""
    for process_id, question_ids in questions.items():
        _send(connection, channel(process_id), Kind.NEWS, question_ids)


def follow(
    connection: Connection, process_id: UUID, questions: Mapping[UUID, Collection[UUID]]
) -> None:
    """Tell the processes that answer these questions, by id, that this one follows them."""
    for owner, question_ids in questions.items():
        _send(connection, channel(owner), Kind.FOLLOW, question_ids, process_id)


def test(connection: Connection, process_id: UUID, token: UUID) -> None:
    """Notify a process of a random id."""
    _send(connection, channel(process_id), Kind.TEST, [token])


def _send(
    connection: Connection, name: str, kind: Kind, ids: Collection[UUID], *first: UUID
) -> None:
    if connection.dialect.name == "sqlite":
        return
    for some in batches.of_ids(ids, MAX_IDS):
        payload = " ".join([kind, *(id_.hex for id_ in (*first, *some))])
        connection.execute(select(func.pg_notify(name, payload)))
