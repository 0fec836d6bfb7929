"""Asking a question, reading it, following and cancelling its answer; each for its owner alone."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from uuid import UUID

from askcli.answerers import prices
from askcli.answerers.base import Answerer, Message, Request
from askcli.contract.shapes import Model, Question
from askcli.errors import (
    DatabaseUnavailable,
    KeyReused,
    NotFound,
    ProviderOverloaded,
    QuotaExceeded,
    ShuttingDown,
    Unavailable,
    UnknownModel,
)
from askcli.fair_queue import FairQueue, Place
from askcli.services import request_info
from askcli.services.questions.ask import Ask, new_row
from askcli.services.questions.context import Context, read_context
from askcli.services.questions.storage import QuestionStorage, may_be_stored
from askcli.services.runs.registry import Runs
from askcli.services.runs.run import Run
from askcli.services.runs.stream import AnswerStream
from askcli.services.shapes import as_question
from askcli.store.database import Database
from askcli.store.prepared import Record
from askcli.store.queries import questions, shown
from askcli.store.queries.own_range import GREATEST_ID


class Questions:
    """The users' questions."""

    def __init__(
        self,
        database: Database,
        answerer: Answerer,
        runs: Runs,
        queue: FairQueue,
        storage: QuestionStorage,
        process_id: UUID,
    ) -> None:
        self._database = database
        self._process_id = process_id
        self._answerer = answerer
        self._runs = runs
        self._queue = queue
        self._storage = storage

    def models(self) -> tuple[list[Model], str]:
        """Return the available models, and the id of the default one."""
        return self._answerer.models(), self._answerer.default_model

    async def ask(self, user_id: UUID, ask: Ask, key: str | None) -> AnswerStream:
        """Store the question, start its answer and return the answer's stream.

        The same idempotency `key` with the same question joins the first one, or starts it again
        when it has failed without being billed. Raises UnknownModel, NotFound for a conversation
        that is not the user's, KeyReused, QuotaExceeded, ShuttingDown, or ProviderOverloaded or
        Unavailable when too many questions wait already.
        """
        earlier = await self._earlier(user_id, key)
        if earlier:
            _check_same(earlier, ask.digest)
        if earlier and not earlier["may_start_again"]:
            return self._replay(earlier)  # before any limit: it was accepted already
        try:
            return await self._start(user_id, ask, key, earlier)
        except (DatabaseUnavailable, ShuttingDown):
            raise
        except (QuotaExceeded, ProviderOverloaded, Unavailable) as error:
            if key is None:
                raise
            refusal = error.with_traceback(None)  # its frames have the question's text
        digest = ask.digest
        del ask  # nothing bounds the memory of those who wait here
        # What leaves no room for it may be the first request with this key.
        await self._runs.arrivals(user_id, key)
        same = await self._earlier(user_id, key)
        if same:
            _check_same(same, digest)
        if same is None or same["may_start_again"]:
            raise refusal
        return self._replay(same)

    async def _start(
        self, user_id: UUID, ask: Ask, key: str | None, earlier: Record | None
    ) -> AnswerStream:
        """Start the question, anew if the one with its key is deleted at that moment."""
        for again in (earlier, None):
            if stream := await self._try_to_start(user_id, ask, key, again):
                return stream
        raise NotFound("question")

    async def _try_to_start(
        self, user_id: UUID, ask: Ask, key: str | None, earlier: Record | None
    ) -> AnswerStream | None:
        """Store the question, or the `earlier` one once more, and start its answer.

        None where the key was used meanwhile, and its question is gone.
        """
        if not self._queue.is_free(str(user_id)):
            await self._database.check_caller()  # before they wait in line, or others make room
        with self._runs.arrival(user_id, key), ExitStack() as reserved:
            place = reserved.enter_context(self._queue.reserve(str(user_id)))
            row, request = await self._prepare(user_id, ask, earlier, place)
            row["idempotency_key"] = key
            run = Run(row, request, place)
            try:
                is_stored = await self._storage.store(row, run, is_new=earlier is None)
                stream = self._runs.start(run) if is_stored else None
            except Exception as error:
                if may_be_stored(error):
                    self._runs.start_unconfirmed(run, is_wanted=key is not None)
                    reserved.pop_all()  # the place is the run's from here on
                raise
            if stream is not None:
                reserved.pop_all()
                return stream
            same = await self._earlier(user_id, key)  # the same key, at the same moment
            if same is None:
                return None
            _check_same(same, ask.digest)
            return self._replay(same)

    async def _prepare(
        self, user_id: UUID, ask: Ask, earlier: Record | None, place: Place
    ) -> tuple[dict[str, Any], Request]:
        """Return the question's row and its request to the model, whose memory the place holds."""
        context = await self._context(user_id, ask, earlier)
        complete = context.complete(ask)
        model = self._model(complete.model, is_carried=ask.model is None)
        request = self._request(complete, model, context.messages)
        self._queue.hold(str(user_id), place, request.memory)
        row = new_row(user_id, complete, request, context.last_id)
        row |= {"request_hash": ask.digest, "process_id": self._process_id}
        row["is_queued"] = not (place.is_granted and self._answerer.is_loaded)
        if earlier:
            row |= {name: earlier[name] for name in ("id", "conversation_id", "created_at")}
        request_info.note_question(row["id"])
        return row, request

    async def _earlier(self, user_id: UUID, key: str | None) -> Record | None:
        """Return the question that was asked with this key."""
        return await self._database.read(questions.by_key, user_id, key) if key else None

    def _replay(self, row: Record) -> AnswerStream:
        stream, info = self._runs.join(as_question(row)), request_info.current()
        info.is_replay, info.is_replayed_end, info.question_id = True, stream.ended, row["id"]
        return stream

    async def _context(self, user_id: UUID, ask: Ask, earlier: Record | None) -> Context:
        """Return what goes on to the question; the `earlier` one keeps its place."""
        if ask.conversation_id is None:
            return Context()
        last_id = earlier["id"] if earlier else GREATEST_ID
        return await self._database.read(read_context, user_id, ask.conversation_id, last_id)

    def _request(self, ask: Ask, model: str, earlier: tuple[Message, ...]) -> Request:
        max_tokens = ask.max_tokens or self._answerer.max_tokens(model)
        return Request(model, (*earlier, Message("user", ask.question)), ask.system, max_tokens)

    def _model(self, model: str | None, *, is_carried: bool) -> str:
        """Return the model to ask, the default one for None. Raises UnknownModel."""
        if model is None:
            return self._answerer.default_model
        available = [available["id"] for available in self._answerer.models()]
        # Stored is the version that has answered, and a question may be asked of it again.
        if model not in available and prices.undated(model) not in available:
            which = f"{model!r}, that of the conversation" if is_carried else repr(model)
            raise UnknownModel(
                f"This server has no model {which}; name one of: {', '.join(available)}."
            )
        return model

    async def get(self, user_id: UUID, question_id: UUID) -> Question:
        """Return the user's question. Raises NotFound."""
        question = await self._database.read(shown.question, user_id, question_id)
        if question is None:
            raise NotFound("question")
        return question

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


def _check_same(row: Record, digest: str) -> None:
    """Raise KeyReused if the question that was asked with a key has another digest."""
    if row["request_hash"] != digest:
        raise KeyReused("This Idempotency-Key was used for another question; send a new one.")
