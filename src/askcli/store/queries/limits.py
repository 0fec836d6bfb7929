"""Queries on rate limits, by the generic cell rate algorithm (GCRA).

A row holds the time at which all uses of a limit are available again. Each use adds the interval of
one use; a use that would exceed the window is refused. One statement checks and updates, so the
limit holds for any number of processes on one database.

A row that is further ahead than all uses could put it was left by a clock that was wrong: it counts
as full, or its limit would be refused until that clock's time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, select, update
from sqlalchemy.sql.dml import ReturningInsert

from askcli.store.prepared import Prepared, PreparedChange
from askcli.store.queries import batches, upserts
from askcli.store.tables import limits

# In microseconds. Clocks of servers differ by less: with more, they refuse each other's tokens.
MAX_SKEW = 60 * 1_000_000
# Uses at once may reach the row in another order than they have read the clock. One counts as if it
# had read it so much later, at most half of the interval: that makes no room for a further use.
MAX_LATENESS = 1_000_000
# A setting of a limit has seconds of at most seven digits.
MAX_WINDOW = 10**7 * 1_000_000

OF_KEY = select(limits.c.full_at).where(limits.c.key == bindparam("key"))
_GIVE_BACK = PreparedChange(
    update(limits)
    .where(limits.c.key == bindparam("subject"))
    .values(full_at=limits.c.full_at - bindparam("interval", type_=BigInteger))
)
_RESET = PreparedChange(delete(limits).where(limits.c.key == bindparam("subject")))


def take(connection: Connection, key: str, now: int, interval: int, window: int) -> int | None:
    """Use a limit once; return the time when it is full again, None when it is used up.

    All numbers are microseconds: `interval` is that of one use, `window` that of all uses.
    """
    values = {
        "key": key,
        "full_at": now + interval,
        "now": now,
        "interval": interval,
        "last": now + window + min(MAX_LATENESS, interval // 2),
        "latest": now + window + MAX_SKEW,
    }
    row = _TAKE.first(connection, values)
    return row[0] if row else None


def _taking(dialect: str) -> ReturningInsert[Any]:
    now, interval, last, latest = (
        bindparam(name, type_=BigInteger) for name in ("now", "interval", "last", "latest")
    )
    is_ahead = limits.c.full_at.between(now, latest)
    moved = case((is_ahead, limits.c.full_at), else_=now) + interval
    statement: ReturningInsert[Any] = (
        upserts.insert(dialect, limits)
        .values(key=bindparam("key"), full_at=bindparam("full_at"))
        .on_conflict_do_update(
            index_elements=[limits.c.key], set_={"full_at": moved}, where=moved <= last
        )
        .returning(limits.c.full_at)
    )
    return statement


_TAKE = Prepared(_taking)


def full_at(connection: Connection, key: str) -> int:
    """Return the time when a limit is full again, 0 for one that was never used."""
    return connection.execute(OF_KEY, {"key": key}).scalar() or 0


def give_back(connection: Connection, key: str, interval: int) -> None:
    """Take one use back."""
    _GIVE_BACK.run(connection, {"subject": key, "interval": interval})


def reset(connection: Connection, key: str) -> None:
    """Make all uses available again."""
    _RESET.run(connection, {"subject": key})


def prune(connection: Connection, now: int, limit: int) -> int:
    """Delete at most `limit` rows: full again, or further ahead than any; return how many."""
    return _NEEDLESS.run(connection, now, limit)


_NOW = batches.before(limits.c.full_at)
_NEEDLESS = batches.Removal(
    limits.c.key,
    (limits.c.full_at < _NOW) | (limits.c.full_at > _NOW + (MAX_WINDOW + MAX_SKEW)),
)
