"""Questions: the model that was named, which goes on to the conversation's next question."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("questions", sa.Column("requested_model", sa.String(200)))


def downgrade() -> None:
    op.drop_column("questions", "requested_model")
