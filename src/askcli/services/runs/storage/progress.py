"""What of a running answer is stored, and what is to be stored next."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from askcli.services.runs.run import Run


class Part(NamedTuple):
    """A part of an answer, after `position` characters."""

    question_id: UUID
    position: int
    text: str

    @property
    def row(self) -> dict[str, Any]:
        """The part as it is stored."""
        return {"question_id": self.question_id, "position": self.position, "text": self.text}


class Progress:
    """How much of a run's text is stored."""

    __slots__ = ("_sent", "_stored", "run", "stands_alone")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stands_alone = False  # since its text could not be stored
        self._stored = 0  # characters
        self._sent = 0  # characters that may be stored: the database's reply may have been lost

    def next_part(self, room: int) -> Part:
        """Return the part to be stored next, of so many characters.

        It has at least what was sent before: who has seen that shall not see less.
        """
        end = max(self._stored + room, self._sent)
        text = self.run.stream.text_from(self._stored)[: end - self._stored]
        self.run.has_parts = self.run.has_parts or bool(text)
        self._sent = max(self._sent, self._stored + len(text))
        return Part(self.run.question_id, self._stored, text)

    def advance(self, part: Part) -> None:
        """Count a part as stored."""
        self._stored += len(part.text)
