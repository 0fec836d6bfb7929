"""A question as the user asks it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from askcli.answerers.base import Request
from askcli.services.clock import new_id, now


@dataclass(frozen=True)
class Ask:
    """A question as the user asks it; `max_tokens` bounds the answer."""

    question: str
    system: str | None = None
    model: str | None = None
    conversation_id: UUID | None = None
    max_tokens: int | None = None

    @cached_property  # of the longest texts, 10 ms
    def digest(self) -> str:
        """A digest of the fields that are set: a repeated key must come with the same ones.

        Fields that are not set are left out, so that a later version's new field does not change
        the digest of a question that was asked before it.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields = {name: value for name, value in values.items() if value is not None}
        text = json.dumps(fields, default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def new_row(user_id: UUID, ask: Ask, request: Request, after: UUID | None = None) -> dict[str, Any]:
    """Return the row of a question that is about to be answered, without its idempotency key.

    Its id sorts after that of the question `after`.
    """
    return {
        "id": new_id(after),
        "run_id": new_id(),
        "user_id": user_id,
        "conversation_id": ask.conversation_id or new_id(),
        "question": ask.question,
        "system": request.system or None,
        "answer": "",
        "status": "answering",
        "stop_reason": None,
        "error": None,
        "model": request.model,
        "requested_model": ask.model,
        "max_tokens": ask.max_tokens,
        "input_tokens": None,
        "output_tokens": None,
        "cost_usd": None,
        "created_at": now(),
        "answered_at": None,
    }
