"""Search on SQLite: an FTS5 index over a table of words, updated by triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Subquery, Uuid, bindparam, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import Float

from askcli.search_terms import Term
from askcli.store import deadline

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
_ADD_OWNER = text("INSERT INTO question_index_owners (user_id) VALUES (:user_id)")

# Not FTS5's own bm25(): it counts how rare a word is over the rows of all users, so the order of
# one user's results would tell what others have stored. Here a rank depends on its row alone.
_RANKED = """SELECT question_words.question_id AS question_id, {rank} AS rank
    FROM question_index_owners AS owners
    JOIN question_index ON question_index MATCH replace(:query, '@', owners.id || '@')
    JOIN question_words
        ON question_words.id = question_index.rowid AND question_words.owner = owners.id
    WHERE owners.user_id = :user_id"""

# A word in the question counts more than one in the answer, and at most three hits count.
_HITS = """{weight} * min(3, (length({text}) - length(replace({text}, :{pattern}, '')))
    / length(:{pattern}))"""
_WEIGHTS = {"question": 5.0, "answer": 1.0}
MAX_RANKED_TERMS = 8


def entry(user_id: UUID, question: Sequence[str], answer: Sequence[str]) -> dict[str, str]:
    """Return what is stored for these words: texts of words separated by blanks."""
    return {"user_id": user_id.hex, "question": " ".join(question), "answer": " ".join(answer)}


def put(connection: Connection, question_id: UUID, entry: Mapping[str, Any]) -> None:
    """Index a question, in place of what was indexed before."""
    row = {"question_id": question_id, **entry}
    if not connection.execute(_PUT, row).rowcount:  # the user's first question
        connection.execute(_ADD_OWNER, {"user_id": entry["user_id"]})
        connection.execute(_PUT, row)


def ranked(user_id: UUID, terms: Sequence[Term]) -> Subquery:
    """Return the user's questions that match the terms: (question_id, rank)."""
    patterns = {f"term{n}": _pattern(term) for n, term in enumerate(_ranking(terms))}
    hits = [
        _HITS.format(weight=weight, text=f"(' ' || question_words.{column} || ' ')", pattern=name)
        for name in patterns
        for column, weight in _WEIGHTS.items()
    ]
    statement = text(_RANKED.format(rank=" + ".join(["0.0", *hits])))
    bound = statement.bindparams(query=_query(terms), user_id=user_id.hex, **patterns)
    return bound.columns(question_id=Uuid, rank=Float).subquery("matches")


def bounded(connection: Connection, seconds: float) -> AbstractContextManager[None]:  # noqa: ARG001
    """End statements of the block that take longer, with an OperationalError."""
    return deadline.within(seconds)


def is_timeout(error: OperationalError) -> bool:
    """Whether `bounded` has ended a statement."""
    return str(error.orig) == "interrupted"


def _ranking(terms: Sequence[Term]) -> list[Term]:
    """The terms that count for the rank: only a few, as each is counted in every matching text."""
    return [term for term in terms if not term.is_excluded][:MAX_RANKED_TERMS]


def _pattern(term: Term) -> str:
    """The term as it appears in a text of words separated by blanks."""
    return f" {' '.join(term.words)}{'' if term.is_prefix else ' '}"


def _query(terms: Sequence[Term]) -> str:
    """The query, with an @ where the number of the owner belongs."""
    required = [_phrase(term) for term in terms if not term.is_excluded]
    excluded = [_phrase(term) for term in terms if term.is_excluded]
    expression = " AND ".join(['"@"', *required])
    # All in one NOT: the parser's stack is too small for many nested ones.
    return f"({expression}) NOT ({' OR '.join(excluded)})" if excluded else expression


def _phrase(term: Term) -> str:
    # Nothing to escape: no word contains a quotation mark or an @.
    words = " ".join(f"@{word}" for word in term.words)
    return f'"{words}"{" *" if term.is_prefix else ""}'
