"""Search: the words of every question, indexed the way of each database."""

from alembic import op
from sqlalchemy import Connection, Uuid, column, select, table

from askcli.store import search

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BATCH = 1000

_questions = table("questions", column("id", Uuid))


def upgrade() -> None:
    for statement in search.schema(op.get_bind().dialect.name).CREATE:
        op.execute(statement)
    _index(op.get_bind())


def downgrade() -> None:
    for statement in search.schema(op.get_bind().dialect.name).DROP:
        op.execute(statement)


def _index(connection: Connection) -> None:
    """Index what was asked before, a batch at a time: there may be more than memory holds."""
    batch = select(_questions.c.id).order_by(_questions.c.id).limit(BATCH)
    ids = connection.execute(batch).scalars().all()
    while ids:
        for question_id in ids:
            search.put_as_stored(connection, question_id)
        ids = connection.execute(batch.where(_questions.c.id > ids[-1])).scalars().all()
