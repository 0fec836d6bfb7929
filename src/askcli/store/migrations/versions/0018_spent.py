"""Usage: what a user has spent is added up from an index alone."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_BEFORE, _NAME = "ix_usage_user_id_created_at", "ix_usage_spent"
_RANGE = ["user_id", "created_at"]


def upgrade() -> None:
    op.create_index(_NAME, "usage", [*_RANGE, "input_tokens", "output_tokens", "cost_usd"])
    op.drop_index(_BEFORE, "usage")


def downgrade() -> None:
    op.create_index(_BEFORE, "usage", _RANGE)
    op.drop_index(_NAME, "usage")
