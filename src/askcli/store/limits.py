"""Queries on limits: the generic cell rate algorithm (GCRA), one row a limited thing.

A row says when its thing will be full again. Each use moves that moment on by the seconds that one
use takes to grow back; a use that would move it further away than the whole rate is refused. One
statement decides and notes, so the limit holds for any number of processes on one database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from askcli.store.tables import limits


def take(connection: Connection, key: str, now: int, interval: int, whole: int) -> int | None:
    """Use the thing once; the moment it will be full again, None when it is used up.

    All numbers are microseconds: `interval` is one use's, `whole` that of all uses of the rate.
    """
    kind: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    new = kind.insert(limits).values(key=key, full_at=now + interval)
    moved = case((limits.c.full_at > now, limits.c.full_at), else_=now) + interval
    decided = new.on_conflict_do_update(
        index_elements=[limits.c.key], set_={"full_at": moved}, where=moved <= now + whole
    )
    full_at: int | None = connection.execute(decided.returning(limits.c.full_at)).scalar()
    return full_at


def full_at(connection: Connection, key: str) -> int:
    """When the thing will be full again; 0 for one that was never used."""
    found = connection.execute(select(limits.c.full_at).where(limits.c.key == key)).scalar()
    return found or 0


def give_back(connection: Connection, key: str, interval: int) -> None:
    """Take one use of the thing back."""
    used = update(limits).where(limits.c.key == key)
    connection.execute(used.values(full_at=limits.c.full_at - interval))


def forget(connection: Connection, key: str) -> None:
    """Make the thing full again."""
    connection.execute(delete(limits).where(limits.c.key == key))


def prune(connection: Connection, now: int) -> int:
    """Forget what is full again; returns how many."""
    return connection.execute(delete(limits).where(limits.c.full_at < now)).rowcount
