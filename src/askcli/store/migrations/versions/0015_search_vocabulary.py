"""The words of SQLite's search index as a table, where the beginnings of words are looked up."""

from alembic import op

from askcli.store.search import vocabulary

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(vocabulary.CREATE)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(vocabulary.DROP)
