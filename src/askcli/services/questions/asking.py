"""Questions: ask, read, list, delete; each for the user it serves and nobody else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from askcli.answerers.base import Answerer, Message, Request
from askcli.contract import Model, Question
from askcli.errors import KeyReused, NotFound, UnknownModel
from askcli.services.clock import new_id, now
from askcli.services.fair_queue import Turns
from askcli.services.runs.registry import Runs
from askcli.services.runs.run import Run
from askcli.services.shapes import as_question
from askcli.services.usage.metering import Spending
from askcli.store import questions, search
from askcli.store.database import Database

# How much of a conversation goes along with its next question.
MAX_TURNS = 20
MAX_HISTORY_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Ask:
    """What a user asks; `max_tokens` bounds the answer."""

    question: str
    system: str | None = None
    model: str | None = None
    conversation_id: UUID | None = None
    max_tokens: int | None = None


class Questions:
    """The users' questions."""

    def __init__(
        self, database: Database, answerer: Answerer, runs: Runs, turns: Turns, spending: Spending
    ) -> None:
        self._database = database
        self._spending = spending
        self._turns = turns
        self._answerer = answerer
        self._runs = runs

    def models(self) -> tuple[list[Model], str]:
        """The models that may be asked, and the default one's id."""
        return self._answerer.models(), self._answerer.default_model

    async def ask(self, user_id: UUID, ask: Ask, key: str | None) -> Run:
        """Store the question, then start its answer: the run.

        The same `key` with the same question joins what it started before. Raises UnknownModel,
        NotFound for a conversation that is not the user's, KeyReused, QuotaExceeded,
        ShuttingDown, or ProviderOverloaded when too many questions wait already.
        """
        if key and (known := await self._database.read(questions.by_key, user_id, key)):
            return self._rejoin(known, ask)  # before any limit: it has been let in already
        model = self._known(ask.model)
        self._runs.check_open()
        self._turns.check_room(str(user_id))
        history = await self._history(user_id, ask.conversation_id)
        row = _row(user_id, ask, model, key)
        limit = ask.max_tokens or self._answerer.max_tokens(model)
        messages = (*history, Message("user", ask.question))
        request = Request(model, messages, ask.system, limit)
        try:
            await self._database.write(self._add, row, request)
        except IntegrityError:  # the same key, at the same moment
            first = await self._database.read(questions.by_key, user_id, key or "")
            if first is None:
                raise
            return self._rejoin(first, ask)
        return self._runs.start(as_question(row), request)

    def _add(self, connection: Connection, row: dict[str, Any], request: Request) -> None:
        """One transaction: what a question may cost is reserved if and only if it is stored."""
        self._spending.reserve(connection, row, request)
        questions.add(connection, row)
        search.put(connection, row["user_id"], row["id"], row["question"], "")

    def _known(self, model: str | None) -> str:
        if model is None:
            return self._answerer.default_model
        known = [known["id"] for known in self._answerer.models()]
        if model not in known:
            raise UnknownModel(f"This server has no model {model!r}; it has {', '.join(known)}.")
        return model

    def _rejoin(self, row: RowMapping, ask: Ask) -> Run:
        if row["request_hash"] != _request_hash(ask):
            raise KeyReused("This Idempotency-Key was used for another question; send a new one.")
        return self._runs.join(as_question(row))

    async def _history(self, user_id: UUID, conversation_id: UUID | None) -> list[Message]:
        if conversation_id is None:
            return []
        if not await self._database.read(questions.has_conversation, user_id, conversation_id):
            raise NotFound("conversation")
        turns = await self._database.read(questions.turns, user_id, conversation_id, MAX_TURNS)
        return _newest_that_fit([(turn["question"], turn["answer"]) for turn in turns])

    async def get(self, user_id: UUID, question_id: UUID) -> Question:
        """The user's question. Raises NotFound."""
        row = await self._database.read(questions.by_id, user_id, question_id)
        if row is None:
            raise NotFound("question")
        return as_question(row)

    async def follow(self, user_id: UUID, question_id: UUID) -> Run:
        """The run of the user's question, running or ended. Raises NotFound."""
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
    moment = now()
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
        "input_tokens": None,
        "output_tokens": None,
        "cost_usd": None,
        "created_at": moment,
        "answered_at": None,
        "heartbeat_at": moment,
        "idempotency_key": key,
        "request_hash": _request_hash(ask),
    }


def _request_hash(ask: Ask) -> str:
    text = json.dumps(asdict(ask), default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _newest_that_fit(turns: list[tuple[str, str]]) -> list[Message]:
    kept: list[Message] = []
    left = MAX_HISTORY_CHARACTERS
    for question, answer in reversed(turns):
        left -= len(question) + len(answer)
        if left < 0:
            break
        kept[:0] = [Message("user", question), Message("assistant", answer)]
    return kept
