"""The answer of another process, as far as it was read, and whether that process notifies us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping

from askcli.services.runs.stream import AnswerStream, other_run_error


class Feed:
    """How far the answer of a stream has been read; `is_told`: its process notifies of more."""

    def __init__(self, stream: AnswerStream) -> None:
        self.stream = stream
        self.question_id = UUID(stream.question["id"])
        self.process_id: UUID | None = None  # that generates it
        self.woken = asyncio.Event()
        self.is_queued = self.is_over = False
        self._run_id: UUID | None = None
        self.forget_owner()
        if stream.question["answer"]:
            stream.append(stream.question["answer"])

    def forget_owner(self) -> None:
        """Begin anew to ask the process that generates the answer."""
        self.has_asked = self.is_told = False
        self.follow_at = 0.0  # when it is to be asked again, on the event loop's clock

    def ask(self, again_at: float) -> None:
        """Note that the process is asked to tell of news, and when it is to be asked again."""
        self.has_asked, self.is_told, self.follow_at = True, False, again_at

    def take(self, rows: Sequence[RowMapping]) -> None:
        """Append what is new; `is_over` is then whether the answer has ended, or is gone."""
        self.is_over = not rows or rows[0]["status"] != "answering"
        if self.is_over or self.stream.ended:
            return
        if not self._is_same_run(rows[0]["run_id"]):  # its text would be added to that before
            return self.stream.end(self.stream.question, other_run_error())
        if rows[0]["process_id"] != self.process_id:
            self.process_id = rows[0]["process_id"]
            self.forget_owner()
        self.is_queued = rows[0]["is_queued"]
        for row in rows:
            if row["position"] is not None:
                self._append(row["position"], row["text"])

    def _is_same_run(self, run_id: UUID | None) -> bool:
        """Whether the text read so far, if there is any, is that of this run."""
        if self._run_id is None or not self.stream.characters:
            self._run_id = run_id
        return self._run_id == run_id

    def _append(self, position: int, text: str) -> None:
        known = self.stream.characters - position
        if known < len(text):
            self.stream.append(text[known:])
