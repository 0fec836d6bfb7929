"""History: what a user has asked, to list, to search and to delete, and what it has cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from askcli.contract import Question, QuestionPage, Usage
from askcli.errors import NotFound
from askcli.search_terms import terms
from askcli.services.shapes import as_question, as_usage
from askcli.store import listing, questions, usage
from askcli.store.database import Database
from askcli.store.listing import Filter

# So many in one transaction: others, too, want to write.
DELETE_BATCH = 500


class History:
    """The users' questions, after they were asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, user_id: UUID, wanted: Filter) -> QuestionPage:
        """The user's questions, newest first; the cursor asks for the next ones."""
        rows = await self._database.read(listing.page, user_id, _one_more(wanted))
        return _page([as_question(row) for row in rows], wanted.limit)

    async def search(self, user_id: UUID, query: str, wanted: Filter) -> QuestionPage:
        """The user's questions that fit the query, the best first.

        Raises NotFound for a cursor whose question has gone.
        """
        asked = terms(query)
        if not asked:
            return QuestionPage(items=[], next_cursor=None)
        rows = await self._database.read(listing.search_page, user_id, asked, _one_more(wanted))
        if rows is None:
            raise NotFound(detail="The question of this cursor is gone; begin the search again.")
        return _page([as_question(row) for row in rows], wanted.limit)

    async def remove(self, user_id: UUID, question_id: UUID) -> None:
        """Delete the user's question. Raises NotFound."""
        if not await self._database.write(questions.remove, user_id, question_id):
            raise NotFound("question")

    async def remove_older(self, user_id: UUID, until: datetime) -> int:
        """Delete the user's questions asked before `until`; returns how many.

        Those that are being answered stay.
        """
        removed = 0
        while batch := await self._database.write(
            questions.remove_older, user_id, until, DELETE_BATCH
        ):
            removed += batch
        return removed

    async def usage(
        self, user_id: UUID, since: datetime | None, until: datetime | None
    ) -> list[Usage]:
        """What the user's questions have cost, by day (UTC) and model, the newest day first."""
        rows = await self._database.read(usage.by_day, user_id, since, until)
        return [as_usage(row) for row in rows]


def _one_more(wanted: Filter) -> Filter:
    """One question more than is wanted: it tells whether there is another page."""
    return replace(wanted, limit=wanted.limit + 1)


def _page(items: list[Question], limit: int) -> QuestionPage:
    more = len(items) > limit
    items = items[:limit]
    return QuestionPage(items=items, next_cursor=items[-1]["id"] if more else None)
