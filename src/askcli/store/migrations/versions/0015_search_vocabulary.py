"""The words of SQLite's search index as a table, where the beginnings of words are looked up."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CREATE = "CREATE VIRTUAL TABLE question_vocabulary USING fts5vocab (question_index, 'instance')"
DROP = "DROP TABLE IF EXISTS question_vocabulary"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(CREATE)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(DROP)
