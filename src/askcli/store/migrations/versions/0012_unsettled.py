"""Usage: an index of what is not settled, which every server looks for again and again."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_unsettled = sa.column("settled", sa.Boolean).is_(False)
    op.create_index(
        "ix_usage_unsettled",
        "usage",
        ["question_id"],
        sqlite_where=is_unsettled,
        postgresql_where=is_unsettled,
    )


def downgrade() -> None:
    op.drop_index("ix_usage_unsettled", "usage")
