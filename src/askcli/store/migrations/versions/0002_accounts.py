"""Disabled users, API tokens, invites, usage and quotas, limits, the audit log."""

import sqlalchemy as sa
from alembic import op

from askcli.store.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("disabled_at", UtcDateTime))
    for name, kind in _QUOTAS:
        op.add_column("users", sa.Column(name, kind))
    op.add_column("sessions", sa.Column("network", sa.String(50)))
    _create_api_tokens()
    _create_invites()
    _create_usage()
    _create_limits()
    _create_audit()


def _create_api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, _a_user(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(100), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("last_used_at", UtcDateTime),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])


def _create_invites() -> None:
    op.create_table(
        "invites",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("code_hash", name="uq_invites_code_hash"),
    )


def _create_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("question_id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, _a_user(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_usd", sa.Float),
        sa.Column("settled", sa.Boolean, nullable=False),
    )
    op.create_index("ix_usage_user_id_created_at", "usage", ["user_id", "created_at"])
    op.execute(_WHAT_WAS_ANSWERED_BEFORE)


def _create_limits() -> None:
    op.create_table(
        "limits",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("full_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_limits_full_at", "limits", ["full_at"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("event", sa.String(50), nullable=False),
        sa.Column("user_id", sa.Uuid),
        sa.Column("session_id", sa.Uuid),
        sa.Column("address", sa.String(50)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("detail", sa.String(200)),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_user_id_id", "audit", ["user_id", "id"])


def downgrade() -> None:
    for table in ("audit", "limits", "usage", "invites", "api_tokens"):
        op.drop_table(table)
    op.drop_column("sessions", "network")
    for name, _ in (*_QUOTAS, ("disabled_at", UtcDateTime)):
        op.drop_column("users", name)


_QUOTAS = (
    ("quota_tokens_day", sa.BigInteger),
    ("quota_tokens_month", sa.BigInteger),
    ("quota_usd_day", sa.Float),
    ("quota_usd_month", sa.Float),
)

_WHAT_WAS_ANSWERED_BEFORE = """
INSERT INTO usage (question_id, user_id, created_at, model,
                   input_tokens, output_tokens, cost_usd, settled)
SELECT id, user_id, created_at, model,
       coalesce(input_tokens, 0), coalesce(output_tokens, 0), cost_usd, true
FROM questions
"""


def _a_user() -> sa.ForeignKey:
    return sa.ForeignKey("users.id", ondelete="CASCADE")
