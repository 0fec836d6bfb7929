"""Questions: how long the answer may become, so that asking again asks for the same."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("questions", sa.Column("max_tokens", sa.Integer))


def downgrade() -> None:
    op.drop_column("questions", "max_tokens")
