"""The context of a question: what the turns before it in its conversation pass on to it.

A turn is an answered question. One that failed, was cancelled or was interrupted is left out, and
so is an answer without text, or of blanks alone, which no provider accepts as a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from askcli.answerers.base import Message
from askcli.errors import NotFound
from askcli.services.questions.ask import Ask
from askcli.store.queries import questions

MAX_TURNS = 20
MAX_HISTORY_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Context:
    """What goes on to the next question; `model` is the one named, None for the default."""

    messages: tuple[Message, ...] = ()
    system: str | None = None
    model: str | None = None
    max_tokens: int | None = None
    last_id: UUID | None = None

    def complete(self, ask: Ask) -> Ask:
        """Return the question with the conversation's fields where it has none of its own."""
        return replace(
            ask,
            system=self.system if ask.system is None else ask.system,
            model=self.model if ask.model is None else ask.model,
            max_tokens=self.max_tokens if ask.max_tokens is None else ask.max_tokens,
        )


def read_context(
    connection: Connection, user_id: UUID, conversation_id: UUID, last_id: UUID
) -> Context:
    """Return what the questions up to `last_id` pass on. Raises NotFound for no conversation."""
    latest = questions.latest(connection, user_id, conversation_id, last_id)
    if latest is None:
        raise NotFound("conversation")
    # One character more than can be sent shows that a text is too long.
    turns = questions.turns(
        connection, user_id, conversation_id, last_id, MAX_TURNS, MAX_HISTORY_CHARACTERS + 1
    )
    return Context(
        _newest_that_fit(turns),
        latest["system"],
        latest["requested_model"],
        latest["max_tokens"],
        latest["id"],
    )


def _newest_that_fit(turns: Sequence[RowMapping]) -> tuple[Message, ...]:
    messages: list[Message] = []
    remaining = MAX_HISTORY_CHARACTERS
    for turn in reversed(turns):
        if not turn["answer"].strip():
            continue
        remaining -= len(turn["question"]) + len(turn["answer"])
        if remaining < 0:
            break
        messages[:0] = [Message("user", turn["question"]), Message("assistant", turn["answer"])]
    return tuple(messages)
