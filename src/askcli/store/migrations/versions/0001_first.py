"""Users, sessions with their refresh tokens, and questions."""

import sqlalchemy as sa
from alembic import op

from askcli.store.columns import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_users()
    _create_sessions()
    _create_questions()


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("password_hash", sa.String(100), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, _owned_by("users"), nullable=False),
        sa.Column("client", sa.String(200), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("last_used_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.Uuid, _owned_by("sessions"), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("used_at", UtcDateTime),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])


def _create_questions() -> None:
    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, _owned_by("users"), nullable=False),
        sa.Column("conversation_id", sa.Uuid, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("system", sa.Text),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("stop_reason", sa.String(50)),
        sa.Column("error", sa.String(50)),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cost_usd", sa.Float),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("answered_at", UtcDateTime),
        sa.Column("heartbeat_at", UtcDateTime, nullable=False),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.UniqueConstraint(
            "user_id", "idempotency_key", name="uq_questions_user_id_idempotency_key"
        ),
    )
    for columns in (
        ["user_id", "id"],
        ["user_id", "conversation_id", "id"],
        ["status", "heartbeat_at"],
    ):
        op.create_index("ix_questions_" + "_".join(columns), "questions", columns)


def downgrade() -> None:
    for table in ("questions", "refresh_tokens", "sessions", "users"):
        op.drop_table(table)


def _owned_by(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
