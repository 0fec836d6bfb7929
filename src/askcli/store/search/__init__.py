"""Full-text search in questions and answers, one interface for both databases.

`askcli.search_terms` splits texts into words; the databases store and find the words. The owner's
id is in the index too, so a search reads only the user's part of it; and like every query, each of
these names the user.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, Subquery, select

from askcli.search_terms import Term, words
from askcli.store.search import postgresql, sqlite
from askcli.store.tables import questions

# Indexed characters of each of the two texts.
MAX_CHARACTERS = 400_000


class Schema(Protocol):
    """The interface of each database's module."""

    CREATE: tuple[str, ...]
    DROP: tuple[str, ...]

    def put(
        self,
        connection: Connection,
        user_id: UUID,
        question_id: UUID,
        question: Sequence[str],
        answer: Sequence[str],
    ) -> None:
        """Replace the indexed words of a question."""
        ...

    def ranked(self, user_id: UUID, terms: Sequence[Term]) -> Subquery:
        """Return the user's questions that match the terms: (question_id, rank)."""
        ...


def schema(connection: Connection) -> Schema:
    """Return the module of the connection's database."""
    return sqlite if connection.dialect.name == "sqlite" else postgresql


def put(
    connection: Connection, user_id: UUID, question_id: UUID, question: str, answer: str
) -> None:
    """Index the words of a question and its answer, in place of those before."""
    schema(connection).put(connection, user_id, question_id, _words(question), _words(answer))


def put_as_stored(connection: Connection, question_id: UUID) -> None:
    """Index the texts of a stored question; does nothing when it was deleted."""
    c = questions.c
    query = select(c.user_id, c.question, c.answer).where(c.id == question_id)
    # Locked, so that it is not deleted before it is indexed.
    row = connection.execute(query.with_for_update(read=True, key_share=True)).first()
    if row is not None:
        put(connection, row.user_id, question_id, row.question, row.answer)


def ranked(connection: Connection, user_id: UUID, terms: Sequence[Term]) -> Subquery:
    """Return the user's questions that match the terms, as a subquery of (question_id, rank)."""
    return schema(connection).ranked(user_id, terms)


def _words(text: str) -> list[str]:
    normalized = unicodedata.normalize("NFC", text[:MAX_CHARACTERS])
    return [word.folded for word in words(normalized)]
