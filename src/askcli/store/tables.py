"""The tables. Portable types only: the same rows on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column as C  # noqa: N817 - a table reads better with short columns
from sqlalchemy import (
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone, so it goes in and comes out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value if value is None else value.astimezone(UTC)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# Named constraints, so that a migration can name what it changes on either database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

users = Table(
    "users",
    metadata,
    C("id", Uuid, primary_key=True),
    C("name", String(200), nullable=False),
    C("email", String(254), nullable=False),
    # The email without regard to case: what is unique, and what a login looks up.
    C("email_key", String(254), nullable=False, unique=True),
    C("password_hash", String(100), nullable=False),
    C("created_at", UtcDateTime, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    C("id", Uuid, primary_key=True),
    C("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    C("client", String(200), nullable=False),
    C("created_at", UtcDateTime, nullable=False),
    C("last_used_at", UtcDateTime, nullable=False),
    C("expires_at", UtcDateTime, nullable=False),
    C("ended_at", UtcDateTime),
)

# One row for each refresh token that a session ever had; only its SHA-256 is kept. A used one
# that comes back after the grace is how a stolen token shows itself.
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    C("token_hash", String(64), primary_key=True),
    C(
        "session_id",
        Uuid,
        ForeignKey("sessions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    C("created_at", UtcDateTime, nullable=False),
    C("used_at", UtcDateTime),
)

questions = Table(
    "questions",
    metadata,
    C("id", Uuid, primary_key=True),
    C("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    C("conversation_id", Uuid, nullable=False),
    C("question", Text, nullable=False),
    C("system", Text),
    C("answer", Text, nullable=False),
    C("status", String(20), nullable=False),
    C("stop_reason", String(50)),
    C("error", String(50)),
    C("model", String(200), nullable=False),
    C("input_tokens", Integer),
    C("output_tokens", Integer),
    C("cost_usd", Float),
    C("created_at", UtcDateTime, nullable=False),
    C("answered_at", UtcDateTime),
    # A running answer's sign of life; a row still `answering` without one was orphaned.
    C("heartbeat_at", UtcDateTime, nullable=False),
    C("idempotency_key", String(200)),
    C("request_hash", String(64), nullable=False),
    UniqueConstraint("user_id", "idempotency_key"),
    # Ids are UUIDv7, so their order is the order in time: these serve every listing.
    Index("ix_questions_user_id_id", "user_id", "id"),
    Index("ix_questions_user_id_conversation_id_id", "user_id", "conversation_id", "id"),
    Index("ix_questions_status_heartbeat_at", "status", "heartbeat_at"),
)
