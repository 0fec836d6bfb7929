"""The clock that all servers on a database share, for what cannot be undone.

Servers' own clocks differ, and are wrong at times. PostgreSQL has one; on SQLite all processes have
that of their machine.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Connection, cast, extract, func, select

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_POSTGRESQL = select(cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger))


def now(connection: Connection) -> datetime:
    """Return the current time in UTC."""
    return time_of(microseconds(connection))


def time_of(microseconds: int) -> datetime:
    """Return the time in UTC of what `microseconds` has returned."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(connection: Connection) -> int:
    """Return the microseconds since 1970."""
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1000
    return connection.execute(_OF_POSTGRESQL).scalar_one()
