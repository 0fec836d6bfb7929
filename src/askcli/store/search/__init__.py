"""Full-text search in questions and answers, one interface for both databases.

What a word is, `askcli.search_terms` says; the databases keep and find the words. The owner's id
is in the index too, so a search reads nobody else's part of it; and like every query, each of these
names the user all the same.
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

# Of each of the two texts: what is behind this is not found.
MAX_CHARACTERS = 400_000


class Schema(Protocol):
    """What each database's module has."""

    CREATE: tuple[str, ...]
    DROP: tuple[str, ...]

    def put(
        self,
        connection: Connection,
        user_id: UUID,
        question_id: UUID,
        question: Sequence[str],
        answer: Sequence[str],
    ) -> None: ...

    def ranked(self, user_id: UUID, terms: Sequence[Term]) -> Subquery: ...


def schema(connection: Connection) -> Schema:
    """The module of the connection's database."""
    return sqlite if connection.dialect.name == "sqlite" else postgresql


def put(
    connection: Connection, user_id: UUID, question_id: UUID, question: str, answer: str
) -> None:
    """Make the words of a question and its answer so far what it is found by."""
    schema(connection).put(connection, user_id, question_id, _words(question), _words(answer))


def put_as_stored(connection: Connection, question_id: UUID) -> None:
    """The same, of the texts as their row has them; nothing where there is no row (any more)."""
    c = questions.c
    found = select(c.user_id, c.question, c.answer).where(c.id == question_id)
    # Held, so that it is not deleted before its words are there.
    row = connection.execute(found.with_for_update(read=True, key_share=True)).first()
    if row is not None:
        put(connection, row.user_id, question_id, row.question, row.answer)


def ranked(connection: Connection, user_id: UUID, terms: Sequence[Term]) -> Subquery:
    """The user's questions in which the terms are, as a subquery of (question_id, rank)."""
    return schema(connection).ranked(user_id, terms)


def _words(text: str) -> list[str]:
    whole = unicodedata.normalize("NFC", text[:MAX_CHARACTERS])
    return [word.folded for word in words(whole)]
