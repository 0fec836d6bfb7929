"""Streams of answers that other processes generate, fed from their rows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

from askcli.contract.shapes import Question
from askcli.errors import DatabaseUnavailable
from askcli.services.runs.stream import AnswerStream, deletion_error, stored_error
from askcli.services.shapes import as_question
from askcli.store import questions
from askcli.store.database import Database

POLL_SECONDS = 0.2


async def feed(stream: AnswerStream, database: Database) -> None:
    """Poll the question's row and append its new text to the stream, until the answer ends."""
    user_id, question_id = UUID(stream.question["user_id"]), UUID(stream.question["id"])
    while not stream.ended:
        with suppress(DatabaseUnavailable):
            row = await database.read(questions.by_id, user_id, question_id)
            _update(stream, as_question(row) if row else None)
        await asyncio.sleep(POLL_SECONDS)


def _update(stream: AnswerStream, question: Question | None) -> None:
    if question is None:
        stream.end(stream.question, deletion_error())
        return
    if text := question["answer"][len(stream.text) :]:
        stream.append(text)
    if question["status"] != "answering":
        stream.end(question, stored_error(question))
