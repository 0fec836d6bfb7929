"""Search on PostgreSQL: the index has each word by its owner, without a change of the rows."""

from alembic import op

from askcli.store.search import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_DROP_INDEX = "DROP INDEX ix_question_words_words"
_INDEX_BEFORE = """CREATE INDEX ix_question_words_words ON question_words USING gin (words)
    WITH (fastupdate = off)"""


def upgrade() -> None:
    # A new database has this index from the start, with no rows.
    _run(_DROP_INDEX, postgresql.CREATE_KEYS, *postgresql.CREATE_INDEX)


def downgrade() -> None:
    _run(_DROP_INDEX, postgresql.DROP_KEYS, _INDEX_BEFORE)


def _run(*statements: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.execute(statement)
