"""The tables: users, sessions and tokens, questions and answers, usage, limits, audit log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    literal_column,
)
from sqlalchemy import Column as C  # noqa: N817 - a table reads better with short columns

from askcli.store.columns import UtcDateTime, metadata, owned_by

users = Table(
    "users",
    metadata,
    C("id", Uuid, primary_key=True),
    C("name", String(200), nullable=False),
    C("email", String(254), nullable=False),
    # The email without regard to case: unique, and looked up by a login.
    C("email_key", String(254), nullable=False, unique=True),
    C("password_hash", String(100), nullable=False),
    C("created_at", UtcDateTime, nullable=False),
    C("disabled_at", UtcDateTime),
    # NULL is the server's own limit, -1 no limit.
    C("quota_tokens_day", BigInteger),
    C("quota_tokens_month", BigInteger),
    C("quota_usd_day", Float),
    C("quota_usd_month", Float),
    # Days for which their questions are kept; NULL is the server's own number, -1 for ever.
    C("retention_days", Integer),
)

sessions = Table(
    "sessions",
    metadata,
    C("id", Uuid, primary_key=True),
    owned_by("users", index=True),
    C("client", String(200), nullable=False),
    # Where it was opened: guesses by strangers do not limit logins from there.
    C("network", String(50)),
    # The newest generation of tokens that was used: until then its refresh token can be had again.
    C("used_generation", Integer, nullable=False),
    C("created_at", UtcDateTime, nullable=False),
    C("last_used_at", UtcDateTime, nullable=False),
    C("expires_at", UtcDateTime, nullable=False, index=True),
    C("ended_at", UtcDateTime, index=True),
)

# One row for each refresh token of a session, with its SHA-256 only; `generation` counts them from
# 0. Use of a superseded one, or of a used one whose successor is in use, shows that one of the two
# users stole it.
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    C("token_hash", String(64), primary_key=True),
    owned_by("sessions"),
    C("generation", Integer, nullable=False),
    C("created_at", UtcDateTime, nullable=False),
    C("used_at", UtcDateTime),  # by the newest of its successors
    # When another token replaced it that was derived from the same one, whose response was lost.
    C("superseded_at", UtcDateTime),
    Index("ix_refresh_tokens_session_id_generation", "session_id", "generation", unique=True),
)

# Tokens for scripts, as SHA-256 too. `scopes` are separated by blanks.
api_tokens = Table(
    "api_tokens",
    metadata,
    C("id", Uuid, primary_key=True),
    owned_by("users", index=True),
    C("name", String(100), nullable=False),
    C("token_hash", String(64), nullable=False, unique=True),
    C("scopes", String(100), nullable=False),
    C("created_at", UtcDateTime, nullable=False),
    C("expires_at", UtcDateTime, nullable=False, index=True),
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
    # The model that answers, by the provider's name for it once it has begun.
    C("model", String(200), nullable=False),
    # The model that the question or its conversation named; NULL is the server's default.
    C("requested_model", String(200)),
    C("max_tokens", Integer),
    C("run_id", Uuid),  # the run that answers it; only this run changes it
    # The server process of that run, which gives the sign of life. No foreign key: the row of a
    # process is there only while it gives one.
    C("process_id", Uuid),
    C("input_tokens", Integer),
    C("output_tokens", Integer),
    C("cost_usd", Float),
    C("created_at", UtcDateTime, nullable=False),
    C("answered_at", UtcDateTime),
    # Whether it waits for its turn, and nothing of it was sent to the provider; false where that is
    # not known, as of questions of earlier versions.
    C("is_queued", Boolean, nullable=False, server_default=false()),
    C("idempotency_key", String(200)),
    C("request_hash", String(64), nullable=False),
    UniqueConstraint("user_id", "idempotency_key"),
    # Ids are UUIDv7, whose order is the order in time: these indexes serve every listing.
    Index("ix_questions_user_id_id", "user_id", "id"),
    Index("ix_questions_user_id_conversation_id_id", "user_id", "conversation_id", "id"),
)
# A literal: with a parameter SQLite would not see that the index of these rows serves.
is_answering = questions.c.status == literal_column("'answering'")
Index(
    "ix_questions_answering",
    questions.c.process_id,
    sqlite_where=is_answering,
    postgresql_where=is_answering,
)

# The title that a user gave a conversation; it goes with the conversation's last question.
conversation_titles = Table(
    "conversation_titles",
    metadata,
    C("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    C("conversation_id", Uuid, primary_key=True),
    C("title", String(200), nullable=False),
)

# The text of a running answer as it grows, after what `questions.answer` has: `position` is the
# number of characters of the answer before the part. They are there only while it is running.
answer_parts = Table(
    "answer_parts",
    metadata,
    C("question_id", Uuid, ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True),
    C("position", Integer, primary_key=True, autoincrement=False),
    C("text", Text, nullable=False),
    sqlite_with_rowid=False,
)

# A server process that answers questions; one whose heartbeat stops has died.
processes = Table(
    "processes",
    metadata,
    C("id", Uuid, primary_key=True),
    C("heartbeat_at", UtcDateTime, nullable=False),
)

# The cost of a question; until it is `settled`, the most that it may cost. No foreign key to the
# question: a deleted question still counts.
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
    # With what is added up of a user, so that the rows themselves are not read.
    Index("ix_usage_spent", "user_id", "created_at", "input_tokens", "output_tokens", "cost_usd"),
)
_is_unsettled = usage.c.settled.is_(False)
Index(
    "ix_usage_unsettled",
    usage.c.question_id,
    sqlite_where=_is_unsettled,
    postgresql_where=_is_unsettled,
)

# Rate limits: the time, in microseconds, at which all uses are available again (the GCRA's
# "theoretical arrival time"). `key` is a SHA-256.
limits = Table(
    "limits",
    metadata,
    C("key", String(64), primary_key=True),
    C("full_at", BigInteger, nullable=False, index=True),
)

# No foreign keys: entries outlive their user, for ASKCLI_AUDIT_DAYS.
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
