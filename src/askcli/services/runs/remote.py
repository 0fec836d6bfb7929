"""Streams of answers that other processes generate, fed from what these store."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

from sqlalchemy import RowMapping

from askcli.errors import DatabaseUnavailable
from askcli.services.runs.stream import (
    AnswerStream,
    deletion_error,
    other_run_error,
    stored_error,
)
from askcli.services.shapes import as_question
from askcli.store import answer_parts, pool, questions
from askcli.store.database import Database

POLL_SECONDS = 0.2
QUEUED_SECONDS = 1.0  # while there can be no text

# Without a follower, until a feed ends: one may be about to come.
UNFOLLOWED_SECONDS = 5.0


async def feed(stream: AnswerStream, database: Database) -> None:
    """Poll for what is new of an answer and append it to the stream, until the answer ends.

    Nothing is polled for without a follower; where none comes any more, the stream ends. The polls
    take turns as the user's: a user may follow so many answers that others would wait for a thread.
    """
    pool.take_turns_as(stream.question["user_id"])
    feeding = _Feed(stream, database)
    while not stream.ended:
        if not await stream.has_follower(UNFOLLOWED_SECONDS):
            return stream.end(stream.question, other_run_error())
        with suppress(DatabaseUnavailable):
            await feeding.poll()
        await asyncio.sleep(QUEUED_SECONDS if feeding.is_queued else POLL_SECONDS)


class _Feed:
    """How far the answer of a stream has been read."""

    def __init__(self, stream: AnswerStream, database: Database) -> None:
        self._stream = stream
        self._database = database
        self._ids = UUID(stream.question["user_id"]), UUID(stream.question["id"])
        self.is_queued = False
        self._run_id: UUID | None = None
        self._position = 0  # of the last part that was read, which may have become longer
        if stream.question["answer"]:
            stream.append(stream.question["answer"])

    async def poll(self) -> None:
        """Append what is new, and the end."""
        rows = await self._database.read(answer_parts.news, *self._ids, self._position)
        if not rows or rows[0]["status"] != "answering":
            await self._end()
        elif self._is_same_run(rows[0]["run_id"]):
            self.is_queued = rows[0]["is_queued"]
            for row in rows:
                self._append(row)
        else:  # its text would be added to that of the run before
            self._stream.end(self._stream.question, other_run_error())

    def _is_same_run(self, run_id: UUID | None) -> bool:
        """Whether the text read so far, if there is any, is that of this run."""
        if self._run_id is None or not self._stream.characters:
            self._run_id, self._position = run_id, 0
        return self._run_id == run_id

    def _append(self, row: RowMapping) -> None:
        if row["position"] is None:
            return
        self._position = row["position"]
        known = self._stream.characters - self._position
        if known < len(row["text"]):
            self._stream.append(row["text"][known:])

    async def _end(self) -> None:
        """Read the whole answer, which its parts do not have any more."""
        row = await self._database.read(questions.by_id, *self._ids)
        if row is None:
            self._stream.end(self._stream.question, deletion_error())
        elif row["status"] != "answering":
            question = as_question(row)
            if text := question["answer"][self._stream.characters :]:
                self._stream.append(text)
            self._stream.end(question, stored_error(question))
