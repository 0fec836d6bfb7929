"""A question that was asked elsewhere, and the ids that it has here.

They are made of its keys, so that it is imported once, however often it is sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from askcli.services.usage.unbilled import ROW_BYTES
from askcli.store.queries.id_times import first_at

_BITS = 128
_BITS_AFTER_PLACE = 64  # with those of the variant; a place has twelve before them


@dataclass(frozen=True, slots=True)
class Imported:
    """A question with its answer; `key` and that of its `conversation` are of where it was.

    `place` is that in its request: questions of one time go by it.
    """

    key: str
    conversation: str
    title: str | None
    question: str
    system: str | None
    answer: str
    status: str
    stop_reason: str | None
    error: str | None
    model: str
    max_tokens: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    created_at: datetime
    answered_at: datetime | None
    place: int

    @property
    def ended_at(self) -> datetime:
        """The time from which on it is kept for the days of its user."""
        return self.answered_at or self.created_at

    @property
    def size(self) -> int:
        """The bytes of its texts and of its row."""
        texts = (self.question, self.answer, self.system, self.title, self.model)
        return ROW_BYTES + sum(len(text.encode()) for text in texts if text)

    @property
    def idempotency_key(self) -> str:
        """Return the key that it is stored under: the same however its source writes its time."""
        return f"import {hashlib.sha256(self.key.encode()).hexdigest()}"

    def id(self, user_id: UUID) -> UUID:
        """Return its id, a UUIDv7 of the time when it was asked; of one time they go by `place`."""
        begun = timedelta(microseconds=self.created_at.microsecond % 1000)
        time = first_at(self.created_at - begun).int  # in whole milliseconds
        rest = _digest(user_id, "question", self.key) >> _BITS - _BITS_AFTER_PLACE
        return _uuid(time | self.place << _BITS_AFTER_PLACE | rest, version=7)

    def conversation_id(self, user_id: UUID) -> UUID:
        """Return the id of its conversation, a UUIDv8: all of it is made of the key."""
        return _uuid(_digest(user_id, "conversation", self.conversation), version=8)

    def row(self, user_id: UUID, conversation_id: UUID) -> dict[str, Any]:
        """Return its row. A question after it has the server's own model."""
        kept = ("question", "answer", "status", "stop_reason", "error", "model", "max_tokens")
        counts = ("input_tokens", "output_tokens", "cost_usd", "created_at", "answered_at")
        return {
            **{name: getattr(self, name) for name in (*kept, *counts)},
            "id": self.id(user_id),
            "user_id": user_id,
            "conversation_id": conversation_id,
            "system": self.system or None,
            "request_hash": "",
            "idempotency_key": self.idempotency_key,
        }


def _digest(user_id: UUID, kind: str, key: str) -> int:
    digest = hashlib.sha256(f"{user_id}\0{kind}\0{key}".encode()).digest()
    return int.from_bytes(digest[: _BITS // 8])


def _uuid(bits: int, *, version: int) -> UUID:
    """Return the UUID of these bits, but for those of its version and variant (RFC 9562)."""
    bits = bits & ~(0xF << 76) | version << 76
    return UUID(int=bits & ~(0b11 << 62) | 0b10 << 62)
