"""Search on SQLite: each word is indexed with its owner's number."""

from alembic import op
from sqlalchemy import inspect

from askcli.store.search import sqlite

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BEFORE = (
    """CREATE TABLE question_words (
        id INTEGER PRIMARY KEY,
        question_id CHAR(32) NOT NULL UNIQUE REFERENCES questions (id) ON DELETE CASCADE,
        owner TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL)""",
    """CREATE VIRTUAL TABLE question_index USING fts5 (
        owner, question, answer,
        content='question_words', content_rowid='id', tokenize='ascii')""",
    """CREATE TRIGGER question_words_added AFTER INSERT ON question_words BEGIN
        INSERT INTO question_index (rowid, owner, question, answer)
        VALUES (new.id, new.owner, new.question, new.answer);
    END""",
    """CREATE TRIGGER question_words_removed AFTER DELETE ON question_words BEGIN
        INSERT INTO question_index (question_index, rowid, owner, question, answer)
        VALUES ('delete', old.id, old.owner, old.question, old.answer);
    END""",
    """CREATE TRIGGER question_words_changed AFTER UPDATE ON question_words BEGIN
        INSERT INTO question_index (question_index, rowid, owner, question, answer)
        VALUES ('delete', old.id, old.owner, old.question, old.answer);
        INSERT INTO question_index (rowid, owner, question, answer)
        VALUES (new.id, new.owner, new.question, new.answer);
    END""",
)


def upgrade() -> None:
    # A new database has this index from the start: version 0003 creates the one of its askcli.
    if _is_sqlite() and not inspect(op.get_bind()).has_table("question_index_owners"):
        _run(
            """CREATE TABLE words_by_user AS
            SELECT question_id, owner AS user_id, question, answer FROM question_words""",
            *sqlite.DROP,
            *sqlite.CREATE,
            """INSERT INTO question_index_owners (user_id)
            SELECT DISTINCT user_id FROM words_by_user""",
            """INSERT INTO question_words (question_id, owner, question, answer)
            SELECT question_id, id, question, answer
            FROM words_by_user JOIN question_index_owners USING (user_id)""",
            "DROP TABLE words_by_user",
        )


def downgrade() -> None:
    if _is_sqlite():
        _run(
            """CREATE TABLE words_by_user AS
            SELECT question_id, user_id, question, answer
            FROM question_words JOIN question_index_owners ON question_index_owners.id = owner""",
            *sqlite.DROP,
            *_BEFORE,
            """INSERT INTO question_words (question_id, owner, question, answer)
            SELECT question_id, user_id, question, answer FROM words_by_user""",
            "DROP TABLE words_by_user",
        )


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _run(*statements: str) -> None:
    for statement in statements:
        op.execute(statement)
