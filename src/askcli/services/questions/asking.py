"""Asking a question, reading it, following and cancelling its answer; each for its owner alone."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from askcli.answerers import prices
from askcli.answerers.base import Answerer, Message, Request
from askcli.contract.shapes import Model, Question
from askcli.errors import KeyReused, NotFound, UnknownModel
from askcli.services.clock import new_id, now
from askcli.services.fair_queue import FairQueue
from askcli.services.indexing import Indexing
from askcli.services.runs.registry import Runs
from askcli.services.runs.stream import AnswerStream
from askcli.services.shapes import as_question
from askcli.services.usage.metering import Metering
from askcli.store import questions
from askcli.store.database import Database
from askcli.store.search import Entry

# How much of a conversation is sent with its next question.
MAX_TURNS = 20
MAX_HISTORY_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as the user asks it; `max_tokens` bounds the answer."""

    question: str
    system: str | None = None
    model: str | None = None
    conversation_id: UUID | None = None
    max_tokens: int | None = None


class Questions:
    """The users' questions."""

    def __init__(
        self,
        database: Database,
        answerer: Answerer,
        runs: Runs,
        queue: FairQueue,
        metering: Metering,
        indexing: Indexing,
    ) -> None:
        self._database = database
        self._answerer = answerer
        self._runs = runs
        self._queue = queue
        self._metering = metering
        self._indexing = indexing

    def models(self) -> tuple[list[Model], str]:
        """Return the available models, and the id of the default one."""
        return self._answerer.models(), self._answerer.default_model

    async def ask(self, user_id: UUID, ask: Ask, key: str | None) -> AnswerStream:
        """Store the question, start its answer and return the answer's stream.

        The same idempotency `key` with the same question joins the first one. Raises UnknownModel,
        NotFound for a conversation that is not the user's, KeyReused, QuotaExceeded,
        ShuttingDown, or ProviderOverloaded or Unavailable when too many questions wait already.
        """
        if key and (row := await self._database.read(questions.by_key, user_id, key)):
            return self._rejoin(row, ask)  # before any limit: it was accepted already
        model = self._model(ask.model)
        self._runs.check_open()
        with ExitStack() as reserved:
            place = reserved.enter_context(self._queue.reserve(str(user_id)))
            request = await self._request(user_id, ask, model)
            entry = await self._indexing.new(user_id, ask.question)
            new_row = _row(user_id, ask, model, key)
            try:
                await self._database.write(self._add, new_row, entry, request)
            except IntegrityError:  # the same key, at the same moment
                row = await self._database.read(questions.by_key, user_id, key or "")
                if row is None:
                    raise
                return self._rejoin(row, ask)
            reserved.pop_all()  # the place is the run's from here on
            return self._runs.start(as_question(new_row), request, place)

    def _add(
        self, connection: Connection, row: dict[str, Any], entry: Entry, request: Request
    ) -> None:
        """One transaction: the cost is reserved if and only if the question is stored."""
        self._metering.reserve(connection, row, request)
        questions.add(connection, row, entry)

    def _model(self, model: str | None) -> str:
        if model is None:
            return self._answerer.default_model
        available = [available["id"] for available in self._answerer.models()]
        # Stored is the version that has answered, and a question may be asked of it again.
        if model not in available and prices.undated(model) not in available:
            raise UnknownModel(
                f"This server has no model {model!r}; it has {', '.join(available)}."
            )
        return model

    def _rejoin(self, row: RowMapping, ask: Ask) -> AnswerStream:
        if row["request_hash"] != _request_hash(ask):
            raise KeyReused("This Idempotency-Key was used for another question; send a new one.")
        return self._runs.join(as_question(row))

    async def _request(self, user_id: UUID, ask: Ask, model: str) -> Request:
        history = await self._history(user_id, ask.conversation_id)
        messages = (*history, Message("user", ask.question))
        max_tokens = ask.max_tokens or self._answerer.max_tokens(model)
        return Request(model, messages, ask.system, max_tokens)

    async def _history(self, user_id: UUID, conversation_id: UUID | None) -> list[Message]:
        if conversation_id is None:
            return []
        if not await self._database.read(questions.has_conversation, user_id, conversation_id):
            raise NotFound("conversation")
        turns = await self._database.read(questions.turns, user_id, conversation_id, MAX_TURNS)
        return _newest_that_fit([(turn["question"], turn["answer"]) for turn in turns])

    async def get(self, user_id: UUID, question_id: UUID) -> Question:
        """Return the user's question. Raises NotFound."""
        row = await self._database.read(questions.by_id, user_id, question_id)
        if row is None:
            raise NotFound("question")
        return as_question(row)

    async def follow(self, user_id: UUID, question_id: UUID) -> AnswerStream:
        """Return the stream of the user's question, in progress or ended. Raises NotFound."""
        return self._runs.join(await self.get(user_id, question_id))

    async def cancel(self, user_id: UUID, question_id: UUID) -> Question:
        """Stop the answer, its text so far kept; one that has ended stays as it is.

        Raises NotFound.
        """
        question = await self.get(user_id, question_id)
        if question["status"] != "answering":
            return question
        await self._runs.cancel(user_id, question_id)
        return await self.get(user_id, question_id)


def _row(user_id: UUID, ask: Ask, model: str, key: str | None) -> dict[str, Any]:
    timestamp = now()
    return {
        "id": new_id(),
        "user_id": user_id,
        "conversation_id": ask.conversation_id or new_id(),
        "question": ask.question,
        "system": ask.system,
        "answer": "",
        "status": "answering",
        "stop_reason": None,
        "error": None,
        "model": model,
        "max_tokens": ask.max_tokens,
        "input_tokens": None,
        "output_tokens": None,
        "cost_usd": None,
        "created_at": timestamp,
        "answered_at": None,
        "heartbeat_at": timestamp,
        "idempotency_key": key,
        "request_hash": _request_hash(ask),
    }


def _request_hash(ask: Ask) -> str:
    text = json.dumps(asdict(ask), default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _newest_that_fit(turns: list[tuple[str, str]]) -> list[Message]:
    messages: list[Message] = []
    remaining = MAX_HISTORY_CHARACTERS
    for question, answer in reversed(turns):
        remaining -= len(question) + len(answer)
        if remaining < 0:
            break
        messages[:0] = [Message("user", question), Message("assistant", answer)]
    return messages
