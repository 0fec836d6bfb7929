"""Sessions and API tokens: indexes of the times by which old ones are found, every hour."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_TIMES = ("sessions", "ended_at"), ("sessions", "expires_at"), ("api_tokens", "expires_at")


def upgrade() -> None:
    for table, time in _TIMES:
        op.create_index(f"ix_{table}_{time}", table, [time])


def downgrade() -> None:
    for table, time in _TIMES:
        op.drop_index(f"ix_{table}_{time}", table)
