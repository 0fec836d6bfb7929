"""Sizes of the texts of questions on SQLite, in a table that triggers keep."""

from alembic import op

from askcli.store.queries import sizes

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _run_on_sqlite(*sizes.SQLITE_CREATE, sizes.SQLITE_FILL)


def downgrade() -> None:
    _run_on_sqlite(*sizes.SQLITE_DROP)


def _run_on_sqlite(*statements: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for statement in statements:
            op.execute(statement)
