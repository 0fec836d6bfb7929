"""Questions: the text of running answers in parts, and a heartbeat a process.

Answers that are running are those of a server that has ended: they keep their text where it is,
have no process, and are found to be orphans.
"""

import sqlalchemy as sa
from alembic import op

from askcli.store.columns import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_questions = sa.table("questions", sa.column("id", sa.Uuid), sa.column("answer", sa.Text))
_parts = sa.table(
    "answer_parts",
    sa.column("question_id", sa.Uuid),
    sa.column("position", sa.Integer),
    sa.column("text", sa.Text),
)


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("heartbeat_at", UtcDateTime, nullable=False),
    )
    owner = sa.ForeignKey("questions.id", ondelete="CASCADE")
    op.create_table(
        "answer_parts",
        sa.Column("question_id", sa.Uuid, owner, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("questions", sa.Column("process_id", sa.Uuid))
    op.drop_index("ix_questions_status_heartbeat_at", "questions")
    # In place: made anew, as SQLite's other changes of a table are, it would lose its triggers.
    op.drop_column("questions", "heartbeat_at")
    is_answering = sa.text("status = 'answering'")
    op.create_index(
        "ix_questions_answering",
        "questions",
        ["process_id"],
        sqlite_where=is_answering,
        postgresql_where=is_answering,
    )


def downgrade() -> None:
    _fold_parts(op.get_bind())
    op.drop_index("ix_questions_answering", "questions")
    op.drop_column("questions", "process_id")
    _add_heartbeats()
    op.drop_table("answer_parts")
    op.drop_table("processes")


def _fold_parts(connection: sa.Connection) -> None:
    ids = connection.scalars(sa.select(_parts.c.question_id).distinct()).all()
    for question_id in ids:
        query = sa.select(_parts.c.text).where(_parts.c.question_id == question_id)
        text = "".join(connection.scalars(query.order_by(_parts.c.position)))
        statement = sa.update(_questions).where(_questions.c.id == question_id)
        connection.execute(statement.values(answer=_questions.c.answer + text))


def _add_heartbeats() -> None:
    heartbeat = sa.Column("heartbeat_at", UtcDateTime, nullable=False, server_default="1970-01-01")
    op.add_column("questions", heartbeat)
    op.execute("UPDATE questions SET heartbeat_at = created_at")
    op.create_index("ix_questions_status_heartbeat_at", "questions", ["status", "heartbeat_at"])
