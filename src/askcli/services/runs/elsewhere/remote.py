"""Streams of answers that other processes generate, fed from what these store.

A process that follows an answer tells the one that generates it, which sends a notification when
there is something new. Where none arrive, as on SQLite, the database is asked now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection
from contextvars import Context
from uuid import UUID

from sqlalchemy import RowMapping

from askcli.errors import DatabaseUnavailable
from askcli.services.background import pause, wait_for_event
from askcli.services.runs.elsewhere.feed import Feed
from askcli.services.runs.stream import (
    AnswerStream,
    deletion_error,
    other_run_error,
    stored_error,
)
from askcli.services.shapes import as_question
from askcli.store.database import Database, pool
from askcli.store.listener import Listener
from askcli.store.queries import answer_parts, notifications, questions
from askcli.store.queries.notifications import Kind

log = logging.getLogger("askcli.feeds")

# Between two looks at an answer of whose news this process is not notified.
POLL_SECONDS = 0.2
QUEUED_SECONDS = 1.0  # while there can be no text

# After a failure that is not the database's.
FAILED_SECONDS = 1.0

# How often this process says that it follows an answer, of whose news it is then notified. Where
# the process that generates it does not reply, it may be dead, and the answer is polled for.
FOLLOW_SECONDS = 10.0

# Without a follower, until a feed ends: one may be about to come.
UNFOLLOWED_SECONDS = 5.0


class Feeds:
    """Feeds the streams of answers that other processes generate."""

    def __init__(self, database: Database, listener: Listener, process_id: UUID) -> None:
        self._database = database
        self._listener = listener
        self._process_id = process_id
        self._feeds: dict[UUID, Feed] = {}  # by question id
        self._waiting = set[Feed]()  # to be read together, as soon as those before have been
        self._batch: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        listener.on(Kind.NEWS, self._on_news)
        listener.on(Kind.CHANGED, self._on_change)
        listener.on_turn(self._on_turn)

    async def feed(self, stream: AnswerStream) -> None:
        """Append to the stream what is new of its answer, until that ends.

        Nothing is done for a stream without a follower; where none comes any more, it ends.
        """
        pool.take_turns_as(stream.question["user_id"])
        feed = Feed(stream)
        self._feeds[feed.question_id] = feed
        try:
            while not stream.ended:
                if not await stream.has_follower(UNFOLLOWED_SECONDS):
                    return stream.end(stream.question, other_run_error())
                feed.woken.clear()
                try:
                    await self._read(feed)
                except Exception as error:  # the answer goes on, and so do its followers
                    feed.is_told = False
                    if not isinstance(error, DatabaseUnavailable):
                        log.exception("an answer of another process could not be read yet")
                        await pause(FAILED_SECONDS)
                if not stream.ended:
                    await wait_for_event(feed.woken, self._pause(feed))
        finally:
            if self._feeds.get(feed.question_id) is feed:
                del self._feeds[feed.question_id]

    async def _read(self, feed: Feed) -> None:
        """Read what is new, in one statement with all others that are to be read meanwhile."""
        self._waiting.add(feed)
        if self._batch is None or self._batch.done():  # one may have failed before it began
            # In a context of its own: it reads for several users, in one thread.
            self._batch = asyncio.create_task(self._read_batch(), context=Context())
            self._batch.add_done_callback(_retrieve)
        await asyncio.shield(self._batch)
        if feed.is_over:
            await self._end(feed)

    async def _read_batch(self) -> None:
        async with self._one_at_a_time:
            feeds, self._waiting, self._batch = self._waiting, set(), None
            await self._read_together(feeds)

    async def _read_together(self, feeds: Collection[Feed]) -> None:
        known = {feed.question_id: feed.stream.characters for feed in feeds}
        rows = defaultdict[UUID, list[RowMapping]](list)
        for row in await self._database.read(answer_parts.news, known):
            rows[row["question_id"]].append(row)
        for feed in feeds:
            feed.take(rows[feed.question_id])
        await self._follow([feed for feed in feeds if not feed.is_over and not feed.stream.ended])

    async def _follow(self, feeds: Collection[Feed]) -> None:
        """Tell the processes that generate these answers that they are followed here."""
        if not self._listener.is_listening:
            return
        now = asyncio.get_running_loop().time()
        due = [feed for feed in feeds if feed.process_id and feed.follow_at <= now]
        owners = defaultdict[UUID, list[UUID]](list)
        for feed in due:
            if feed.process_id:
                owners[feed.process_id].append(feed.question_id)
            # All feeds at the same time, so that it is one transaction.
            feed.ask(now - now % FOLLOW_SECONDS + FOLLOW_SECONDS)
        if owners:
            try:
                await self._database.write(notifications.follow, self._process_id, owners)
            except DatabaseUnavailable:
                for feed in due:
                    feed.forget_owner()
                raise

    async def _end(self, feed: Feed) -> None:
        """Read the whole answer, which its parts do not have any more."""
        user_id = UUID(feed.stream.question["user_id"])
        row = await self._database.read(questions.by_id, user_id, feed.question_id)
        if row is None:
            feed.stream.end(feed.stream.question, deletion_error())
        elif row["status"] != "answering":
            question = as_question(row)
            if text := question["answer"][feed.stream.characters :]:
                feed.stream.append(text)
            feed.stream.end(question, stored_error(question))

    def _pause(self, feed: Feed) -> float:
        """Return the seconds until the answer is read without a notification."""
        if self._listener.is_listening and feed.is_told:
            return max(0.0, feed.follow_at - asyncio.get_running_loop().time())
        return QUEUED_SECONDS if feed.is_queued else POLL_SECONDS

    def _on_news(self, question_ids: Collection[UUID]) -> None:
        for question_id in question_ids:
            if feed := self._feeds.get(question_id):
                feed.is_told = feed.has_asked
                feed.woken.set()

    def _on_change(self, question_ids: Collection[UUID]) -> None:
        for question_id in question_ids:
            if feed := self._feeds.get(question_id):
                feed.woken.set()

    def _on_turn(self) -> None:
        for feed in self._feeds.values():
            feed.forget_owner()
            feed.woken.set()


def _retrieve(batch: asyncio.Task[None]) -> None:
    """Take the error, if it has one: those who waited for it may all have been cancelled."""
    if not batch.cancelled():
        batch.exception()
