"""Search on SQLite: FTS5 over a table of the words, kept in step by triggers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Subquery, Uuid, bindparam, text
from sqlalchemy.types import Float

from askcli.search_terms import Term

# `ascii`, because the words are ready made: it takes all that is not ASCII for letters.
# The words have a table of their own, as triggers can take them out of the index again only with
# the words at hand: also when a question goes because its user goes.
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

# A word in the question says more than one in the answer, and more hits than three say nothing new.
_HITS = """{weight} * min(3, (length({text}) - length(replace({text}, :{pattern}, '')))
    / length(:{pattern}))"""
_WEIGHTS = {"question": 5.0, "answer": 1.0}
MAX_RANKED_TERMS = 8

_TEXTS = "{question answer}"


def put(
    connection: Connection,
    user_id: UUID,
    question_id: UUID,
    question: Sequence[str],
    answer: Sequence[str],
) -> None:
    """Replace what a question is found by."""
    said = {"question": " ".join(question), "answer": " ".join(answer)}
    connection.execute(_PUT, {"question_id": question_id, "owner": user_id.hex, **said})


def ranked(user_id: UUID, terms: Sequence[Term]) -> Subquery:
    """The user's questions in which the terms are: (question_id, rank)."""
    patterns = {f"term{n}": _pattern(term) for n, term in enumerate(_ranking(terms))}
    hits = [
        _HITS.format(weight=weight, text=f"(' ' || question_words.{column} || ' ')", pattern=name)
        for name in patterns
        for column, weight in _WEIGHTS.items()
    ]
    statement = text(_RANKED.format(rank=" + ".join(["0.0", *hits])))
    bound = statement.bindparams(query=_query(user_id, terms), owner=user_id.hex, **patterns)
    return bound.columns(question_id=Uuid, rank=Float).subquery("found")


def _ranking(terms: Sequence[Term]) -> list[Term]:
    """The terms that rank: each is counted in the whole text of every hit, so only a few do."""
    return [term for term in terms if not term.is_excluded][:MAX_RANKED_TERMS]


def _pattern(term: Term) -> str:
    """The term as it stands among the words of a text, which have blanks between them."""
    return f" {' '.join(term.words)}{'' if term.is_prefix else ' '}"


def _query(user_id: UUID, terms: Sequence[Term]) -> str:
    wanted = [f"{_TEXTS} : {_phrase(term)}" for term in terms if not term.is_excluded]
    excluded = [_phrase(term) for term in terms if term.is_excluded]
    found = " AND ".join([f'owner : "{user_id.hex}"', *wanted])
    # All in one NOT: the parser's stack has no room for one within another many times over.
    return f"({found}) NOT {_TEXTS} : ({' OR '.join(excluded)})" if excluded else found


def _phrase(term: Term) -> str:
    # Nothing to escape: no word has a quotation mark in it.
    return f'"{" ".join(term.words)}"{" *" if term.is_prefix else ""}'
