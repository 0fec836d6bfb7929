"""The history of a user's questions: list, search, delete, and usage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.shapes import QuestionPage, Usage
from askcli.errors import InvalidInput, NotFound
from askcli.search_terms import terms
from askcli.services.questions.queueing import queue, turn
from askcli.services.shapes import as_usage
from askcli.services.usage.metering import Metering
from askcli.store.database import Database, admission
from askcli.store.queries import (
    listing,
    notifications,
    older,
    questions,
    search_pages,
    sizes,
    usage,
    users,
)
from askcli.store.queries.listing import Filter, Page
from askcli.store.queries.search_pages import Cursor, SearchPage
from askcli.store.search import LONG_CHARACTERS

# Rows deleted in one transaction: other requests write too.
DELETE_BATCH = 100

# At once; users take turns. Searches, which take up to seconds, leave half of the store's threads
# to everything else. Usage, whose days are added up from all rows, counts as a listing.
SEARCHES, SEARCHES_WAITING = 4, 32
LISTINGS, LISTINGS_WAITING = 4, 256

# Rows of usage in one response, made in the event loop. A question may name a model by any date.
MOST_USAGE = 10_000


@dataclass(frozen=True, slots=True)
class Filters:
    """A page of questions: `cursor` is `next_cursor` of the page before, `id_prefix` hex digits."""

    limit: int
    cursor: str | None = None
    conversation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    id_prefix: str | None = None
    search: str | None = None


class History:
    """The users' stored questions."""

    def __init__(self, database: Database, metering: Metering) -> None:
        self._database = database
        self._metering = metering
        self._searches = queue(SEARCHES, SEARCHES_WAITING, "searches")
        self._listings = queue(LISTINGS, LISTINGS_WAITING, "listings")

    async def page(self, user_id: UUID, filters: Filters) -> QuestionPage:
        """Return the user's questions: newest first, or the best matches of a search first.

        Raises InvalidInput for a list's cursor that is one of a search, or the reverse; Unavailable
        for a search that takes too long, or when too many wait, of this user or of all together.
        """
        query, cursor = _query(filters), filters.cursor
        if filters.search is None:
            query = replace(query, before=_id(cursor) if cursor else None)
            async with self.listing(user_id):
                return _page(await self._database.read(listing.page, user_id, query))
        search_terms = terms(filters.search)
        if not search_terms:
            return QuestionPage(items=[], next_cursor=None)
        place = _place(cursor) if cursor else None
        async with turn(self._database, self._searches, user_id):
            page = await self._database.read_in_transaction(
                search_pages.search_page,
                user_id,
                search_terms,
                query,
                place,
            )
        return _page(page)

    def listing(self, user_id: UUID) -> AbstractAsyncContextManager[None]:
        """Wait for the user's turn at a page, or at what takes as long, as `queueing.turn` does."""
        return turn(self._database, self._listings, user_id)

    async def remove(self, user_id: UUID, question_id: UUID) -> None:
        """Delete the user's question. Raises NotFound."""
        size = await self._database.read(sizes.of_own, user_id, question_id)
        if size is None:
            raise NotFound("question")
        admission.renew()  # it may wait now
        is_long = size > LONG_CHARACTERS
        write = self._database.write_long if is_long else self._database.write
        if not await write(self._remove, user_id, question_id):
            raise NotFound("question")

    async def remove_all(self, user_id: UUID, question_ids: Sequence[UUID]) -> None:
        """Delete the user's questions as each by itself, in one transaction: few, or small."""
        admission.renew()  # it may wait now
        await self._database.write_long(self._remove_each, user_id, question_ids)

    def _remove_each(
        self, connection: Connection, user_id: UUID, question_ids: Sequence[UUID]
    ) -> None:
        for question_id in question_ids:
            self._remove(connection, user_id, question_id)

    def _remove(self, connection: Connection, user_id: UUID, question_id: UUID) -> bool:
        """Delete the question. Its process, which would settle its cost, may be dead."""
        users.lock(connection, user_id)  # before its questions, as everywhere
        status = questions.status(connection, user_id, question_id)
        if status is None:
            return False
        if status == "answering":
            notifications.changed(connection, [question_id])
        self._metering.release_unsent(connection, question_id)
        return questions.remove(connection, user_id, question_id)

    async def remove_older(self, user_id: UUID, until: datetime) -> int:
        """Delete the user's questions asked before `until`; returns how many.

        Questions that are being answered stay. Raises Unavailable when too many wait, as for a
        page.
        """
        removed = 0
        while ids := await self._older(user_id, until):
            admission.renew()  # they may wait now
            removed += await self._database.write_long(older.remove, user_id, ids)
        return removed

    async def _older(self, user_id: UUID, until: datetime) -> list[UUID]:
        async with self.listing(user_id):
            return await self._database.read(older.ids, user_id, until, DELETE_BATCH)

    async def usage(
        self, user_id: UUID, since: datetime | None, until: datetime | None
    ) -> list[Usage]:
        """Return the user's usage by day (UTC) and model, newest day first.

        Raises InvalidInput for more than MOST_USAGE of these, and Unavailable when too many wait,
        as for a page.
        """
        async with self.listing(user_id):
            rows = await self._database.read(usage.by_day, user_id, since, until, MOST_USAGE + 1)
        if len(rows) > MOST_USAGE:
            raise InvalidInput(
                f"There are more than {MOST_USAGE:,} days and models; name a shorter time."
            )
        return [as_usage(row) for row in rows]


def _query(filters: Filters) -> Filter:
    first, last = _id_range(filters.id_prefix) if filters.id_prefix else (None, None)
    return Filter(
        limit=filters.limit,
        conversation_id=filters.conversation_id,
        since=filters.since,
        until=filters.until,
        first_id=first,
        last_id=last,
    )


def _id(cursor: str) -> UUID:
    """Return the id that is the cursor of a list. Raises InvalidInput."""
    try:
        return UUID(cursor)
    except ValueError as error:
        raise InvalidInput("This cursor is one of a search.") from error


def _place(cursor: str) -> Cursor:
    """Return the cursor of a search. Raises InvalidInput."""
    try:
        return Cursor.parse(cursor)
    except ValueError as error:
        raise InvalidInput("This cursor is not one of a search.") from error


def _id_range(prefix: str) -> tuple[UUID, UUID]:
    """Return the first and the last id with these first digits."""
    digits = prefix.replace("-", "")[:32]
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _page(page: Page | SearchPage) -> QuestionPage:
    return QuestionPage(
        items=list(page.rows), next_cursor=str(page.cursor) if page.cursor else None
    )
