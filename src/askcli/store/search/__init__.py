"""Full-text search in questions and answers, one interface for both databases.

`askcli.search_terms` splits texts into words; the databases store and find the words. A search
reads the user's own words alone, so neither its results nor its time depend on other users; and
like every query, each of these names the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from askcli.errors import Unavailable
from askcli.normalization import composed
from askcli.search_terms import MAX_TEXT_CHARACTERS, Term, folded_words
from askcli.store.search import postgresql, sqlite
from askcli.store.search.found import Conditions, Found, Part
from askcli.store.tables import questions

# A search may take so long: common words in long texts are counted for the order of the results.
SECONDS = 2.0

# An entry with more characters than this takes some ten milliseconds or more to store.
LONG_CHARACTERS = 20_000

RETRY_AFTER_SECONDS = 10

# What a database stores of a question: the parameters of its statement.
Entry = Mapping[str, Any]


class Schema(Protocol):
    """The interface of each database's module."""

    CREATE: tuple[str, ...]
    DROP: tuple[str, ...]

    def entry(self, user_id: UUID, question: Sequence[str], answer: Sequence[str]) -> Entry:
        """Return what is stored for these words."""
        ...

    def put(self, connection: Connection, question_id: UUID, entry: Entry) -> None:
        """Index a question, in place of what was indexed before."""
        ...

    def find(
        self,
        connection: Connection,
        user_id: UUID,
        terms: Sequence[Term],
        conditions: Conditions,
        part: Part,
    ) -> Found:
        """Return the matches of a part of the user's questions."""
        ...

    def bounded(
        self, connection: Connection, seconds: float
    ) -> AbstractContextManager[object | None]:
        """End statements of the block that take longer, with an OperationalError."""
        ...

    def is_timeout(self, error: OperationalError) -> bool:
        """Whether `bounded` has ended a statement."""
        ...


def schema(dialect: str) -> Schema:
    """Return the module of a database."""
    return sqlite if dialect == "sqlite" else postgresql


def entry(dialect: str, user_id: UUID, question: str, answer: str) -> Entry:
    """Return the index entry of a question.

    Up to a second of work for the longest texts: never within a transaction that others wait for.
    """
    return schema(dialect).entry(user_id, _words(question), _words(answer))


def is_long(entry_: Entry) -> bool:
    """Whether the entry takes long to store."""
    return sum(len(value) for value in entry_.values()) > LONG_CHARACTERS


def put(connection: Connection, question_id: UUID, entry_: Entry) -> None:
    """Index a question, in place of what was indexed before."""
    schema(connection.dialect.name).put(connection, question_id, entry_)


def put_as_stored(connection: Connection, question_id: UUID) -> None:
    """Index the texts of a stored question, for migrations; nothing when it was deleted."""
    c = questions.c
    query = select(c.user_id, c.question, c.answer).where(c.id == question_id)
    row = connection.execute(query).first()
    if row is not None:
        dialect = connection.dialect.name
        put(connection, question_id, entry(dialect, row.user_id, row.question, row.answer))


def find(
    connection: Connection,
    user_id: UUID,
    terms: Sequence[Term],
    conditions: Conditions,
    part: Part,
) -> Found:
    """Return the matches of a part of the user's questions.

    A bounded number of questions is looked at: it may have few matches, or none, and not be the
    end.
    """
    return schema(connection.dialect.name).find(connection, user_id, terms, conditions, part)


@contextmanager
def bounded(connection: Connection) -> Iterator[None]:
    """Bound the time that searches in the block take. Raises Unavailable when it is over."""
    schema_ = schema(connection.dialect.name)
    try:
        with schema_.bounded(connection, SECONDS):
            yield
    except OperationalError as error:
        if not schema_.is_timeout(error):
            raise
        raise Unavailable(
            "The search took too long; search for rarer words, or for fewer.",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error


def _words(text: str) -> list[str]:
    return folded_words(composed(text[:MAX_TEXT_CHARACTERS]))
