"""No table of the words of SQLite's search index: the time of a look-up told what others delete."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE question_vocabulary")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            """CREATE VIRTUAL TABLE question_vocabulary
            USING fts5vocab (question_index, 'instance')"""
        )
