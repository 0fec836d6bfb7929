"""Questions: which run answers them, so that an earlier run overwrites nothing of a later one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("questions", sa.Column("run_id", sa.Uuid))


def downgrade() -> None:
    op.drop_column("questions", "run_id")
