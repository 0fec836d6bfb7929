"""One answer in the making: its text so far, whoever reads along, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from askcli.answerers.base import Begin
from askcli.contract import Question
from askcli.errors import AskcliError
from askcli.problems import BY_CODE

T = TypeVar("T")


class Run:
    """One answer: its pieces so far, and how it ended once it has."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.error: AskcliError | None = None
        self.ended = False
        self.begin: Begin | None = None
        self.is_sent = False  # to the model's provider, which may bill it from here on
        self.stopped_by: AskcliError | None = None
        self._listening: asyncio.Task[Any] | None = None
        self._pieces: list[str] = []
        self._changed = asyncio.Event()

    async def listen(self, listening: Coroutine[Any, Any, T]) -> T:
        """Do the work that `stop` ends."""
        self._listening = task = asyncio.create_task(listening)
        if self.stopped_by:
            task.cancel()
        return await task

    def stop(self, error: AskcliError) -> None:
        """End the run with this error; the text so far is kept and stored."""
        self.stopped_by = self.stopped_by or error
        if self._listening is not None:
            self._listening.cancel()

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._pieces)

    def add(self, piece: str) -> None:
        """Append a piece and wake the followers."""
        self._pieces.append(piece)
        self._wake()

    def end(self, question: Question, error: AskcliError | None) -> None:
        """Note the end, as it was stored, and wake the followers for the last time."""
        self.question, self.error, self.ended = question, error, True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self, after: int = 0, silence: float | None = None) -> AsyncIterator[str]:
        """The text from character `after` on, until the run ends.

        After `silence` seconds without any, an empty piece. A slow follower costs nothing: what
        it has not read yet is the run's own text, and comes in one piece when it asks.
        """
        index, position = 0, 0
        while True:
            while index < len(self._pieces) and position + len(self._pieces[index]) <= after:
                position += len(self._pieces[index])
                index += 1
            text = "".join(self._pieces[index:])[max(0, after - position) :]
            if text:
                after += len(text)
                yield text
            elif self.ended:
                return
            elif not await happens(self._changed, silence):
                yield ""

    async def wait(self) -> None:
        """Wait for the end."""
        while not self.ended:
            await self._changed.wait()

    async def finished(self) -> Question:
        """The question as it ended. Raises the error that ended it, if one did."""
        await self.wait()
        if self.error is not None:
            raise self.error
        return self.question


async def happens(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether the event happens within so many seconds; None waits for ever."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
            return True
    return False


def ended_run(question: Question) -> Run:
    """The run of a question that has ended: all of its text, and its end."""
    run = Run(question)
    if question["answer"]:
        run.add(question["answer"])
    run.end(question, stored_error(question))
    return run


def stored_error(question: Question) -> AskcliError | None:
    """The error that a stored question ended with; None for an answered one."""
    if question["error"] is None:
        return None
    kind = BY_CODE.get(question["error"], AskcliError)
    return kind(
        detail=f"{kind.title}. The question was stored with this end; ask again.",
        question_id=question["id"],
        question_status=question["status"],
    )
