"""Bugs that the simulation must find in questions and their answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from sqlalchemy import delete, select, update

from askcli.client.api import Api
from askcli.errors import NotFound
from askcli.services.clock import now
from askcli.services.questions.asking import Questions
from askcli.services.questions.context import Context
from askcli.services.runs import stream
from askcli.services.runs.registry import Runs
from askcli.services.runs.storage import answer_log
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.store import search, tables
from askcli.store.queries import answer_parts, ended_elsewhere, questions


def _retry_without_key() -> Any:
    """A repeated question comes with another idempotency key."""
    ask, count = Api.ask, iter(range(10**9))
    return patch.object(Api, "ask", lambda self, body, key: ask(self, body, f"{key} {next(count)}"))


def _rejoin_from_the_beginning() -> Any:
    """The client does not say how much it has when it comes back."""
    events = Api.events
    return patch.object(
        Api, "events", lambda self, question_id, _after: events(self, question_id, 0)
    )


def _others_questions_are_shown() -> Any:
    """A question is read without regard to whose it is."""
    get = Questions.get

    def owner(connection: Any, question_id: Any) -> Any:
        query = select(tables.questions.c.user_id).where(tables.questions.c.id == question_id)
        return connection.execute(query).scalar()

    async def get_any(self: Any, user_id: Any, question_id: Any) -> Any:
        try:
            return await get(self, user_id, question_id)
        except NotFound:
            found = await self._database.read(owner, question_id)
            return await get(self, found or user_id, question_id)

    return patch.object(Questions, "get", get_any)


def _cancel_elsewhere_does_nothing() -> Any:
    """Only the process that answers a question can cancel it."""
    return patch.object(questions, "cancel", lambda *_: True)


def _end_overwrites() -> Any:
    """The end of an answer is stored whatever its row says."""

    def finish(
        connection: Any, question_id: Any, _run: Any, values: Any, entry: Any, **_: Any
    ) -> bool:
        statement = update(tables.questions).where(tables.questions.c.id == question_id)
        is_changed = bool(connection.execute(statement.values(**values)).rowcount)
        if is_changed:
            answer_parts.remove(connection, question_id)
            search.put(connection, question_id, entry)
        return is_changed

    return patch.object(questions, "finish", finish)


def _text_is_not_logged() -> Any:
    """The text so far is in memory alone."""

    async def tick(*_: object, **__: object) -> None:
        return None

    return patch.object(answer_log.AnswerLog, "_write", tick)


def _parts_are_lost_at_an_interruption() -> Any:
    """Who ends an orphan keeps the text of its row, and deletes the parts."""

    def end(connection: Any, question_ids: Any, values: Any) -> None:
        table, parts = tables.questions, tables.answer_parts
        connection.execute(update(table).where(table.c.id.in_(question_ids)).values(**values))
        connection.execute(delete(parts).where(parts.c.question_id.in_(question_ids)))

    return patch.object(answer_parts, "end", end)


def _parts_after_the_end() -> Any:
    """A part is stored whether or not its answer has ended."""

    def running(connection: Any, question_ids: Any, *, locked: bool = False) -> Any:
        c = tables.questions.c
        return {*connection.scalars(select(c.run_id).where(c.id.in_(question_ids)))}

    return patch.object(answer_parts, "running", running)


def _returning_run_stores_nothing() -> Any:
    """A run whose question was found interrupted forgets the text that its asker was shown."""
    return patch.object(ended_elsewhere, "complete", lambda *_: None)


def _unconfirmed_question_is_sent() -> Any:
    """A question whose COMMIT may have failed is sent without a look."""

    def start(self: Any, run: Any, *, is_wanted: bool) -> None:
        self.start(run)

    return patch.object(Runs, "start_unconfirmed", start)


def _join_repeats_a_character() -> Any:
    """A follower who joins later gets a character twice."""
    follow = stream.AnswerStream.follow

    def repeating(self: Any, after: int = 0, silence: float | None = None) -> Any:
        return follow(self, after - 1 if after > 10 else after, silence)

    return patch.object(stream.AnswerStream, "follow", repeating)


def _queued_question_is_sent_unseen() -> Any:
    """A question that leaves the queue is sent without a look at whether it was cancelled."""

    async def dequeue(*_: object) -> None:
        return None

    return patch.object(AnswerStorage, "dequeue", dequeue)


def _heartbeat_is_compared_with_a_clock() -> Any:
    """A process is dead when its last sign of life is older than a few seconds of this clock."""
    from askcli.services.runs import orphans as checks

    read = checks.Orphans._read_signs

    async def read_by_clock(self: Any) -> None:
        await read(self)
        for question_id, (sign, _) in list(self._signs.items()):
            is_old = sign and sign.heartbeat and (now() - sign.heartbeat).total_seconds() > 8
            self._signs[question_id] = sign, checks.CHECKS_PER_TIMEOUT if is_old else 0

    return patch.object(checks.Orphans, "_read_signs", read_by_clock)


def _default_model_is_in_the_digest() -> Any:
    """A repeated key must come with the same question and meet the same default model."""
    ask = Questions.ask

    async def ask_by_name(self: Any, user_id: Any, asked: Any, key: Any) -> Any:
        named = replace(asked, model=asked.model or self._answerer.default_model)
        return await ask(self, user_id, named, key)

    return patch.object(Questions, "ask", ask_by_name)


def _turns(*conditions: Any) -> Any:
    """Read as the turns of a conversation what fulfils these conditions."""
    c = tables.questions.c

    def turns(
        connection: Any, user_id: Any, conversation_id: Any, last_id: Any, limit: int, _: int
    ) -> Any:
        own = {"user": c.user_id == user_id, "conversation": c.conversation_id == conversation_id}
        where = (own.get(one, one) for one in (*conditions, c.answer != "", c.id <= last_id))
        query = select(c.question, c.answer).where(*where).order_by(c.id.desc()).limit(limit)
        return connection.execute(query).mappings().all()[::-1]

    return patch.object(questions, "turns", turns)


def _turns_of_all_conversations() -> Any:
    """The turns of the user's other conversations go along."""
    return _turns("user", tables.questions.c.status == "answered")


def _unfinished_turns_go_along() -> Any:
    """Interrupted and cancelled answers are turns, too."""
    return _turns("user", "conversation")


def _system_text_is_not_carried_on() -> Any:
    """A conversation goes on without its system text."""
    complete = Context.complete
    return patch.object(
        Context,
        "complete",
        lambda self, ask: replace(complete(self, ask), system=ask.system),
    )
