"""Search on PostgreSQL: a tsvector, and a GIN index of its words by owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Uuid, bindparam, text
from sqlalchemy.exc import OperationalError

from askcli.store.prepared import PreparedChange
from askcli.store.search.postgresql_find import find as find
from askcli.store.search.postgresql_find import owner_word

# The index has a key for each word of each owner: eight bytes of the owner's id, which are random,
# then a hash of the word. So the rows of a key are of one owner, and the time that it takes to look
# words up says nothing about other users; were the words themselves the keys, the index would go
# through all users' rows that have them. Two words may have one hash: rows are compared after it.
#
# The cost keeps the planner from calling the function for each row instead of using the index.
CREATE_KEYS = """CREATE OR REPLACE FUNCTION question_keys(words tsvector) RETURNS bytea[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
        SELECT array_agg(owner || int8send(hashtextextended(word COLLATE "C", 0)))
        FROM (SELECT decode(right(word, 16), 'hex') AS owner
                FROM unnest(tsvector_to_array(words)) AS word WHERE starts_with(word, '@')) AS own,
            unnest(tsvector_to_array(words)) AS word
        WHERE NOT starts_with(word, '@') $$"""
DROP_KEYS = "DROP FUNCTION question_keys(tsvector)"
# No `fastupdate`: its list of pending entries, with the words of all users, is read as a whole by
# each search (up to 524 pages where 12 are enough), and some insertions take 300 ms to empty it.
#
# No statistics: they are of the words of all users, and take a hash of each word of many rows.
CREATE_INDEX = (
    """CREATE INDEX ix_question_words_words ON question_words USING gin (question_keys(words))
        WITH (fastupdate = off)""",
    "ALTER INDEX ix_question_words_words ALTER COLUMN 1 SET STATISTICS 0",
)
CREATE = (
    """CREATE TABLE question_words (
        question_id UUID PRIMARY KEY REFERENCES questions (id) ON DELETE CASCADE,
        words TSVECTOR NOT NULL)""",
    CREATE_KEYS,
    *CREATE_INDEX,
)
DROP = ("DROP TABLE question_words",)

# A tsvector has positions up to 16,383 and at most a megabyte: further words have no position (they
# are found, but not as part of a phrase), and words beyond the size are left out.
POSITIONS = 8_000
MAX_BYTES = 900_000
_BYTES_PER_POSITION, _BYTES_PER_WORD = 2, 8

# For a transaction. Rows are small and their words are stored apart: for some thousands of rows the
# planner takes it for cheaper to read all users' than to use the index. It takes such queries for
# long enough to be compiled (`jit`), which takes longer than they.
_SET = text(
    """SELECT set_config('statement_timeout', :milliseconds, true),
        set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"""
)

_PUT = text(
    """INSERT INTO question_words (question_id, words)
    VALUES (:question_id, CAST(:words AS tsvector))
    ON CONFLICT (question_id) DO UPDATE SET words = excluded.words"""
).bindparams(bindparam("question_id", type_=Uuid))
_PREPARED_PUT = PreparedChange(_PUT)


def entry(user_id: UUID, question: Sequence[str], answer: Sequence[str]) -> dict[str, str]:
    """Return what is stored for these words: a tsvector as text."""
    lexemes: dict[str, list[str]] = {}
    _add(lexemes, question, "A", 0)
    _add(lexemes, answer, "B", POSITIONS)
    vector, remaining = [f"'{owner_word(user_id)}'"], MAX_BYTES
    for word, positions in lexemes.items():
        remaining -= len(word.encode()) + _BYTES_PER_WORD + _BYTES_PER_POSITION * len(positions)
        if remaining < 0:
            break
        vector.append(f"'{word}'" + (":" + ",".join(positions) if positions else ""))
    return {"words": " ".join(vector)}


def put(connection: Connection, question_id: UUID, entry: Mapping[str, Any]) -> None:
    """Index a question, in place of what was indexed before."""
    _PREPARED_PUT.run_later(connection, {"question_id": question_id, **entry})


def _add(lexemes: dict[str, list[str]], words: Sequence[str], weight: str, offset: int) -> None:
    for number, word in enumerate(words, 1):
        positions = lexemes.setdefault(word, [])
        # One position less, so that no phrase spans the question and the answer.
        if number < POSITIONS and len(positions) < 255:  # PostgreSQL's limit for one word
            positions.append(f"{offset + number}{weight}")


def bounded(connection: Connection, seconds: float) -> AbstractContextManager[None]:
    """End statements of the transaction that take longer, with an OperationalError."""
    connection.execute(_SET, {"milliseconds": str(int(seconds * 1000))})
    return nullcontext()


def is_timeout(error: OperationalError) -> bool:
    """Whether `bounded` has ended a statement."""
    return getattr(error.orig, "sqlstate", None) == "57014"
