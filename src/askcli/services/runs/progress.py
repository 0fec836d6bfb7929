"""What of a running answer is stored, and what is to be stored next."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from askcli.services.runs.run import Run


class Part(NamedTuple):
    """A part of an answer, after `position` characters, and the pieces that it is made of."""

    question_id: UUID
    position: int
    text: str
    pieces: int

    @property
    def row(self) -> dict[str, Any]:
        """The part as it is stored."""
        return {"question_id": self.question_id, "position": self.position, "text": self.text}


class Progress:
    """How much of a run's text is stored."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stands_alone = False  # since its text could not be stored
        self._characters = self._pieces = 0  # that are stored
        self._pieces_sent = 0  # that may be stored: the database's reply may have been lost

    def next_part(self, room: int) -> Part:
        """Return the part to be stored next, of about so many characters.

        It has at least what was sent before: who has seen that shall not see less.
        """
        text, characters = list[str](), 0
        for piece in self.run.stream.pieces(self._pieces):
            if characters >= room and self._pieces + len(text) >= self._pieces_sent:
                break
            text.append(piece)
            characters += len(piece)
        self.run.has_parts = self.run.has_parts or bool(text)
        self._pieces_sent = max(self._pieces_sent, self._pieces + len(text))
        return Part(self.run.question_id, self._characters, "".join(text), len(text))

    def advance(self, part: Part) -> None:
        """Count a part as stored."""
        self._characters += len(part.text)
        self._pieces += part.pieces
