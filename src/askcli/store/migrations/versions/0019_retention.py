"""Users: the days for which their questions are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("retention_days", sa.Integer))


def downgrade() -> None:
    op.drop_column("users", "retention_days")
