"""Search on PostgreSQL: words go into the index at once, not first into a list of pending ones."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if _is_postgresql():
        op.execute("ALTER INDEX ix_question_words_words SET (fastupdate = off)")
        op.execute("SELECT gin_clean_pending_list('ix_question_words_words')")


def downgrade() -> None:
    if _is_postgresql():
        op.execute("ALTER INDEX ix_question_words_words RESET (fastupdate)")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
