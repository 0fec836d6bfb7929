"""Pages of a search: the newest matches with the best first, then older ones, the newest first.

A word may be in a million questions: what is ranked is bounded, and what is looked at for a page.
A cursor is a place in this order, and its questions may be deleted meanwhile.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from askcli.contract.shapes import Question
from askcli.search_terms import Term
from askcli.store import search
from askcli.store.queries import shown, sizes
from askcli.store.queries.listing import Filter, conditions_of, in_order
from askcli.store.search.found import Conditions, Found, Match, Part
from askcli.store.tables import questions

# The newest matches, which are ranked: a rank takes a look at the whole text.
RANKED = 500

_RANK = struct.Struct(">d")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of a search begins.

    After `last` of the ranked ones, which are those from `oldest` on: so the pages agree on what is
    ranked, whatever is asked meanwhile. Without `last` the ranked ones are over, and those before
    `oldest` follow.
    """

    oldest: UUID
    last: Match | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor of a text that `contract.patterns.CURSOR` describes.

        Raises ValueError for the cursor of a list.
        """
        place, dot, oldest = text.rpartition(".")
        if not dot:
            raise ValueError("an id alone is no place in a search")
        if not place:
            return cls(UUID(oldest))
        last, _, rank = place.partition(".")
        return cls(UUID(oldest), Match(UUID(last), *_RANK.unpack(bytes.fromhex(rank))))

    def __str__(self) -> str:
        """Return the cursor as `next_cursor` shows it."""
        if self.last is None:
            return f".{self.oldest}"
        return f"{self.last.question_id}.{_RANK.pack(self.last.rank).hex()}.{self.oldest}"


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The questions of a page; `cursor` is that of the next one."""

    rows: Sequence[Question]
    cursor: Cursor | None


def search_page(
    connection: Connection,
    user_id: UUID,
    terms: Sequence[Term],
    filter_: Filter,
    cursor: Cursor | None = None,
) -> SearchPage:
    """Return the user's questions that match the terms, best first, of equals the newest first.

    Raises Unavailable when it takes too long.
    """
    with search.bounded(connection):
        return _Pages(connection, user_id, terms, filter_, cursor).page()


class _Pages:
    def __init__(
        self,
        connection: Connection,
        user_id: UUID,
        terms: Sequence[Term],
        filter_: Filter,
        cursor: Cursor | None,
    ) -> None:
        self._connection, self._user_id, self._terms = connection, user_id, terms
        self._limit, self._cursor = filter_.limit, cursor
        self._conditions = Conditions(conditions_of(filter_), filter_.values)

    def page(self) -> SearchPage:
        """Return the page at the cursor."""
        found, end = self._entries()
        size_of = self._sizes([question_id for question_id, _ in found[: self._limit]])
        there = [(id_, size_of[id_]) for id_, _ in found[: self._limit] if id_ in size_of]
        ids = sizes.fitting(there)
        rows = in_order(shown.those(self._connection, self._user_id, ids), ids)
        if len(ids) < len(there):  # the texts of the others are too long for this page
            return SearchPage(rows, dict(found)[ids[-1]])
        return SearchPage(rows, found[self._limit - 1][1] if len(found) > self._limit else end)

    def _entries(self) -> tuple[list[tuple[UUID, Cursor]], Cursor | None]:
        """Return questions with the cursors after them, and the one after them all."""
        entries: list[tuple[UUID, Cursor]] = []
        position = self._cursor.oldest if self._cursor else None
        if self._cursor is None or self._cursor.last:
            ranked, oldest, position = self._ranked()
            entries = [(match.question_id, Cursor(oldest, match)) for match in ranked]
        if position is None or len(entries) > self._limit:
            return entries, None
        # A first page may have room for older ones, but another look would take as long again.
        if self._cursor is None:
            return entries, Cursor(position)
        older = self._find(Part(self._limit + 1 - len(entries), before=position))
        entries += [(match.question_id, Cursor(match.question_id)) for match in older.matches]
        return entries, Cursor(older.position) if older.position else None

    def _ranked(self) -> tuple[list[Match], UUID, UUID | None]:
        """Return the ranked matches after the cursor, and the id from which on they are ranked.

        And again that id, if there may be matches before it.
        """
        if self._cursor is None:
            found = self._find(Part(RANKED))
            ranked = sorted(found.matches, key=_best_first)
            oldest = found.matches[-1].question_id if ranked else UUID(int=0)
            return ranked, found.position or oldest, found.position
        oldest, last = self._cursor.oldest, self._cursor.last
        found = self._find(Part(RANKED, since=oldest))
        after = _best_first(last) if last else ()
        ranked = [match for match in found.matches if _best_first(match) > after]
        return sorted(ranked, key=_best_first), oldest, oldest

    def _find(self, part: Part) -> Found:
        return search.find(self._connection, self._user_id, self._terms, self._conditions, part)

    def _sizes(self, ids: Sequence[UUID]) -> dict[UUID, int]:
        c = questions.c
        query = select(c.id, sizes.of_texts(self._connection.dialect.name)).where(
            c.user_id == self._user_id, c.id.in_(bindparam("ids", expanding=True))
        )
        return {row[0]: row[1] for row in self._connection.execute(query, {"ids": ids})}


def _best_first(match: Match) -> tuple[float, int]:
    return -match.rank, -match.question_id.int
