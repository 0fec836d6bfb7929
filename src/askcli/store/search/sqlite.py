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

# The `ascii` tokenizer leaves the prepared words as they are: it takes all non-ASCII for letters.
# The words have a table of their own, because FTS5 needs them to delete an entry from the index,
# also when a question is deleted by cascade.
CREATE = (
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
DROP = ("DROP TABLE question_index", "DROP TABLE question_words")

_PUT = text(
    """INSERT INTO question_words (question_id, owner, question, answer)
    VALUES (:question_id, :owner, :question, :answer)
    ON CONFLICT (question_id) DO UPDATE SET question = excluded.question, answer = excluded.answer
    """
).bindparams(bindparam("question_id", type_=Uuid))

# Not FTS5's own bm25(): it counts how rare a word is over the rows of all users, so the order of
# one user's results would tell what others have stored. Here a rank depends on its row alone.
_RANKED = """SELECT question_words.question_id AS question_id, {rank} AS rank
    FROM question_index JOIN question_words ON question_words.id = question_index.rowid
    WHERE question_index MATCH :query AND question_words.owner = :owner"""

# A word in the question counts more than one in the answer, and at most three hits count.
_HITS = """{weight} * min(3, (length({text}) - length(replace({text}, :{pattern}, '')))
    / length(:{pattern}))"""
_WEIGHTS = {"question": 5.0, "answer": 1.0}
MAX_RANKED_TERMS = 8

_TEXTS = "{question answer}"


def entry(user_id: UUID, question: Sequence[str], answer: Sequence[str]) -> dict[str, str]:
    """Return what is stored for these words: texts of words separated by blanks."""
    return {"owner": user_id.hex, "question": " ".join(question), "answer": " ".join(answer)}


def put(connection: Connection, question_id: UUID, entry: Mapping[str, Any]) -> None:
    """Index a question, in place of what was indexed before."""
    connection.execute(_PUT, {"question_id": question_id, **entry})


def ranked(user_id: UUID, terms: Sequence[Term]) -> Subquery:
    """Return the user's questions that match the terms: (question_id, rank)."""
    patterns = {f"term{n}": _pattern(term) for n, term in enumerate(_ranking(terms))}
    hits = [
        _HITS.format(weight=weight, text=f"(' ' || question_words.{column} || ' ')", pattern=name)
        for name in patterns
        for column, weight in _WEIGHTS.items()
    ]
    statement = text(_RANKED.format(rank=" + ".join(["0.0", *hits])))
    bound = statement.bindparams(query=_query(user_id, terms), owner=user_id.hex, **patterns)
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


def _query(user_id: UUID, terms: Sequence[Term]) -> str:
    required = [f"{_TEXTS} : {_phrase(term)}" for term in terms if not term.is_excluded]
    excluded = [_phrase(term) for term in terms if term.is_excluded]
    expression = " AND ".join([f'owner : "{user_id.hex}"', *required])
    # All in one NOT: the parser's stack is too small for many nested ones.
    return f"({expression}) NOT {_TEXTS} : ({' OR '.join(excluded)})" if excluded else expression


def _phrase(term: Term) -> str:
    # Nothing to escape: no word contains a quotation mark.
    return f'"{" ".join(term.words)}"{" *" if term.is_prefix else ""}'
