"""Refresh tokens: which ones were superseded, so that their use shows a theft."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLE, _GENERATIONS = "refresh_tokens", "ix_refresh_tokens_session_id_generation"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("superseded_at", sa.DateTime(timezone=True)))
    op.create_index(_GENERATIONS, _TABLE, ["session_id", "generation"], unique=True)
    op.drop_index("ix_refresh_tokens_session_id", _TABLE)


def downgrade() -> None:
    op.create_index("ix_refresh_tokens_session_id", _TABLE, ["session_id"])
    op.drop_index(_GENERATIONS, _TABLE)
    op.drop_column(_TABLE, "superseded_at")
