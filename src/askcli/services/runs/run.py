"""A run: the state of one answer that this process generates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from askcli.answerers.base import Begin, Finish, Request, Spent
from askcli.errors import AskcliError
from askcli.fair_queue import Place
from askcli.services import request_info
from askcli.services.clock import now
from askcli.services.runs.calls.tries import Attempts
from askcli.services.runs.stream import AnswerStream
from askcli.services.shapes import as_question
from askcli.services.usage.metering import Outcome
from askcli.traces import spans


class Times:
    """When a run's steps were reached, by `time.monotonic`; None for what was not."""

    __slots__ = ("began", "ended", "first_text", "granted")

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.granted: float | None = None  # its slot at the model
        self.first_text: float | None = None
        self.ended: float | None = None


class Run:
    """One answer in generation; its text is in `stream`."""

    def __init__(self, row: Mapping[str, Any], request: Request, place: Place) -> None:
        """Answer the stored question of a row, in its place in the queue for the model."""
        self.id: UUID = row["run_id"]
        self.question_id: UUID = row["id"]
        self.user_id: UUID = row["user_id"]
        self.is_queued: bool = row["is_queued"]  # as its row says
        self.reserved_at = now()  # its cost: a later run of the question reserves its own
        self.is_confirmed = True  # whether its row is known to be stored
        self.has_parts = False  # whether parts of its text may be stored
        self.is_replaced = False  # by a later run of the question, whose end its stream has
        self.stream = AnswerStream(as_question(row))
        self.request = request
        self.place = place  # left when the generation ends
        self.begin: Begin | None = None
        self.spent: Spent | None = None
        self.attempts = Attempts(self.question_id, self.user_id)
        self.times = Times()
        info = request_info.current_or_none()
        self.request_id = None if info is None else info.request_id
        # Of the request that asks, which it may outlive.
        self.span = spans.begin("answer", values={"askcli.question.id": str(self.question_id)})
        self._stop_error: AskcliError | None = None
        self._stoppable: asyncio.Task[Any] | None = None

    def stop(self, error: AskcliError) -> None:
        """End the generation with this error; the text so far is stored. The first call counts."""
        self._stop_error = self._stop_error or error
        if self._stoppable is not None:
            self._stoppable.cancel()

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Make `stop` cancel the block, which then raises its error."""
        if self._stop_error is not None:
            raise self._stop_error.copy()
        task = self._stoppable = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._stop_error is None or task is None:
                raise
            task.uncancel()
            raise self._stop_error.copy() from None
        finally:
            self._stoppable = None

    def outcome(self, finish: Finish | None = None, error: AskcliError | None = None) -> Outcome:
        """Return the outcome of the run when it ends now."""
        text, is_billable = self.stream.text, self.attempts.may_be_billed
        return Outcome(
            self.question_id,
            self.user_id,
            self.request,
            self.begin,
            self.spent,
            finish,
            text,
            error,
            is_billable=is_billable,
        )
