"""Search on SQLite: an FTS5 index over a table of words, updated by triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Uuid, bindparam, text
from sqlalchemy.exc import OperationalError

from askcli.store import deadline
from askcli.store.prepared import PreparedChange
from askcli.store.search.sqlite_find import find as find

# Each word is indexed with the number of its owner, as in `12@word`: a word, a phrase or the
# beginning of a word is looked up among the owner's words alone, so that the time it takes says
# nothing about the words of other users. `12@` by itself is in each row of the owner.
#
# The `ascii` tokenizer leaves the prepared words as they are: it takes all non-ASCII for letters.
# The words have a table of their own, because FTS5 needs them to delete an entry from the index,
# also when a question is deleted by cascade; it is the view that has them as they are indexed.
_ADD = """INSERT INTO question_index (rowid, question, answer)
    SELECT id, question, answer FROM question_terms WHERE id = new.id"""
_REMOVE = """INSERT INTO question_index (question_index, rowid, question, answer)
    SELECT 'delete', id, question, answer FROM question_terms WHERE id = old.id"""

CREATE = (
    """CREATE TABLE question_index_owners (
        id INTEGER PRIMARY KEY,
        user_id CHAR(32) NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE)""",
    """CREATE TABLE question_words (
        id INTEGER PRIMARY KEY,
        question_id CHAR(32) NOT NULL UNIQUE REFERENCES questions (id) ON DELETE CASCADE,
        owner INTEGER NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL)""",
    """CREATE VIEW question_terms AS SELECT id,
        owner || '@' || replace(' ' || question, ' ', ' ' || owner || '@') AS question,
        replace(' ' || answer, ' ', ' ' || owner || '@') AS answer
        FROM question_words""",
    """CREATE VIRTUAL TABLE question_index USING fts5 (
        question, answer,
        content='question_terms', content_rowid='id', tokenize="ascii tokenchars '@'")""",
    f"CREATE TRIGGER question_words_added AFTER INSERT ON question_words BEGIN {_ADD}; END",
    f"CREATE TRIGGER question_words_removed BEFORE DELETE ON question_words BEGIN {_REMOVE}; END",
    f"CREATE TRIGGER question_words_changing BEFORE UPDATE ON question_words BEGIN {_REMOVE}; END",
    f"CREATE TRIGGER question_words_changed AFTER UPDATE ON question_words BEGIN {_ADD}; END",
)
DROP = (
    "DROP TABLE IF EXISTS question_index",
    "DROP VIEW IF EXISTS question_terms",
    "DROP TABLE IF EXISTS question_words",
    "DROP TABLE IF EXISTS question_index_owners",
)

_PUT = text(
    """INSERT INTO question_words (question_id, owner, question, answer)
    SELECT :question_id, id, :question, :answer
    FROM question_index_owners WHERE user_id = :user_id
    ON CONFLICT (question_id) DO UPDATE SET question = excluded.question, answer = excluded.answer
    """
).bindparams(bindparam("question_id", type_=Uuid))
_PREPARED_PUT = PreparedChange(_PUT)
_ADD_OWNER = text("INSERT INTO question_index_owners (user_id) VALUES (:user_id)")


def entry(user_id: UUID, question: Sequence[str], answer: Sequence[str]) -> dict[str, str]:
    """Return what is stored for these words: texts of words separated by blanks."""
    return {"user_id": user_id.hex, "question": " ".join(question), "answer": " ".join(answer)}


def put(connection: Connection, question_id: UUID, entry: Mapping[str, Any]) -> None:
    """Index a question, in place of what was indexed before."""
    row = {"question_id": question_id, **entry}
    if not _PREPARED_PUT.run(connection, row):  # the user's first question
        connection.execute(_ADD_OWNER, {"user_id": entry["user_id"]})
        _PREPARED_PUT.run(connection, row)


def bounded(connection: Connection, seconds: float) -> AbstractContextManager[None]:  # noqa: ARG001
    """End statements of the block that take longer, with an OperationalError."""
    return deadline.within(seconds)


def is_timeout(error: OperationalError) -> bool:
    """Whether `bounded` has ended a statement."""
    return str(error.orig) == "interrupted"
