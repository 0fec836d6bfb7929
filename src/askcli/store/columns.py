"""Column types and helpers, portable between SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, ForeignKey, MetaData, TypeDecorator, Uuid


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite stores no time zone, so times are converted on the way in and out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert a parameter to UTC."""
        return value if value is None else value.astimezone(UTC)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Return a result with its time zone, UTC."""
        if value is None:
            return None
        time: datetime = value
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


# Constraints have names, so that migrations can refer to them on either database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def owned_by(table: str, *, index: bool = False) -> Column[Any]:
    """Return a foreign key to `table` (`user_id` for users) that deletes the row with its owner."""
    key = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Column(f"{table[:-1]}_id", Uuid, key, nullable=False, index=index)
