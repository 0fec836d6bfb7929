"""Sessions: which of their tokens are in use, so that a refresh can be repeated."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER_TOKENS = """
UPDATE refresh_tokens SET generation = numbered.generation
FROM (
    SELECT token_hash,
           row_number() OVER (PARTITION BY session_id ORDER BY created_at) - 1 AS generation
    FROM refresh_tokens
) AS numbered
WHERE numbered.token_hash = refresh_tokens.token_hash
"""

# Whether the newest tokens were used is not known: as before, only the grace period allows a retry.
_ALL_ARE_IN_USE = """
UPDATE sessions SET used_generation =
    (SELECT coalesce(max(generation), 0) FROM refresh_tokens WHERE session_id = sessions.id)
"""


def upgrade() -> None:
    for table, name in (("refresh_tokens", "generation"), ("sessions", "used_generation")):
        op.add_column(table, sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.execute(_NUMBER_TOKENS)
    op.execute(_ALL_ARE_IN_USE)


def downgrade() -> None:
    op.drop_column("sessions", "used_generation")
    op.drop_column("refresh_tokens", "generation")
