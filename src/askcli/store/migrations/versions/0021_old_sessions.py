"""Sessions: indexes of the times by which old ones are found, every hour."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_TABLE, _TIMES = "sessions", ("ended_at", "expires_at")


def upgrade() -> None:
    for time in _TIMES:
        op.create_index(f"ix_{_TABLE}_{time}", _TABLE, [time])


def downgrade() -> None:
    for time in _TIMES:
        op.drop_index(f"ix_{_TABLE}_{time}", _TABLE)
