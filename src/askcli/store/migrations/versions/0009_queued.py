"""Questions: whether they wait in the queue: what was never sent costs nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("is_queued", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("questions", column)


def downgrade() -> None:
    op.drop_column("questions", "is_queued")
