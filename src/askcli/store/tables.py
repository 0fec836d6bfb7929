"""The tables: users, their sessions and tokens, their questions, and what these cost."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy import Column as C  # noqa: N817 - a table reads better with short columns

from askcli.store.columns import UtcDateTime, metadata, owned_by

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
    C("disabled_at", UtcDateTime),
    # NULL is the server's own quota, -1 none at all.
    C("quota_tokens_day", BigInteger),
    C("quota_tokens_month", BigInteger),
    C("quota_usd_day", Float),
    C("quota_usd_month", Float),
)

sessions = Table(
    "sessions",
    metadata,
    C("id", Uuid, primary_key=True),
    owned_by("users", index=True),
    C("client", String(200), nullable=False),
    # Where it was opened: a stranger who guesses never slows down a login from there.
    C("network", String(50)),
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
    owned_by("sessions", index=True),
    C("created_at", UtcDateTime, nullable=False),
    C("used_at", UtcDateTime),
)

# Tokens for scripts; of these, too, only the SHA-256. `scopes` are words with spaces between.
api_tokens = Table(
    "api_tokens",
    metadata,
    C("id", Uuid, primary_key=True),
    owned_by("users", index=True),
    C("name", String(100), nullable=False),
    C("token_hash", String(64), nullable=False, unique=True),
    C("scopes", String(100), nullable=False),
    C("created_at", UtcDateTime, nullable=False),
    C("expires_at", UtcDateTime, nullable=False),
    C("last_used_at", UtcDateTime),
)

invites = Table(
    "invites",
    metadata,
    C("id", Uuid, primary_key=True),
    C("code_hash", String(64), nullable=False, unique=True),
    C("note", String(200), nullable=False),
    C("uses_left", Integer, nullable=False),
    C("created_at", UtcDateTime, nullable=False),
    C("expires_at", UtcDateTime, nullable=False),
)

questions = Table(
    "questions",
    metadata,
    C("id", Uuid, primary_key=True),
    owned_by("users"),
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

# What a question cost; until it is `settled`, what it may cost at most. No foreign key to the
# question: who deletes one has had its answer all the same.
usage = Table(
    "usage",
    metadata,
    C("question_id", Uuid, primary_key=True),
    owned_by("users"),
    C("created_at", UtcDateTime, nullable=False),
    C("model", String(200), nullable=False),
    C("input_tokens", BigInteger, nullable=False),
    C("output_tokens", BigInteger, nullable=False),
    C("cost_usd", Float),
    C("settled", Boolean, nullable=False),
    Index("ix_usage_user_id_created_at", "user_id", "created_at"),
)

# How far a limited thing has used its rate up: the moment, in microseconds, at which it will be
# full again (the GCRA's "theoretical arrival time"). `key` is a SHA-256.
limits = Table(
    "limits",
    metadata,
    C("key", String(64), primary_key=True),
    C("full_at", BigInteger, nullable=False, index=True),
)

# No foreign keys: what happened stays known after its user is gone, until its days are over.
audit = Table(
    "audit",
    metadata,
    C("id", Uuid, primary_key=True),
    C("at", UtcDateTime, nullable=False, index=True),
    C("event", String(50), nullable=False),
    C("user_id", Uuid),
    C("session_id", Uuid),
    C("address", String(50)),
    C("request_id", String(64)),
    C("detail", String(200)),
    Index("ix_audit_user_id_id", "user_id", "id"),
)
