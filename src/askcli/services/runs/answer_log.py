"""The log of this process's answers: what is new of each, twice a second, and a sign of life.

One transaction takes all of it, and each text is written once. While nothing is answered, nothing
is written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import Cancelled, DatabaseUnavailable
from askcli.services.clock import now
from askcli.services.runs.run import Run
from askcli.store import answer_parts, processes
from askcli.store.database import Database

log = logging.getLogger("askcli.answer_log")

TICK_SECONDS = 0.5  # so that a crash loses less than a second of text, writing it included

# New text that all runs of a tick have together; what there is beyond it, after an outage, is
# stored in the next ones.
TICK_CHARACTERS = 4_194_304


class _Progress:
    """What of a run's text is stored."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stands_alone = False  # since its text could not be stored
        self._characters = self._pieces = 0  # that are stored
        self._pieces_sent = 0  # that may be stored: the database's reply may have been lost

    def next_part(self, room: int) -> tuple[dict[str, Any], int]:
        """Return the part to be stored next, of about so many characters, and its pieces.

        It has at least what was sent before: who has seen that shall not see less.
        """
        part, characters = list[str](), 0
        for piece in self.run.stream.pieces(self._pieces):
            if characters >= room and self._pieces + len(part) >= self._pieces_sent:
                break
            part.append(piece)
            characters += len(piece)
        self._pieces_sent = max(self._pieces_sent, self._pieces + len(part))
        values = {"question_id": self.run.question_id, "position": self._characters}
        return values | {"text": "".join(part)}, len(part)

    def advance(self, part: dict[str, Any], pieces: int) -> None:
        """Count a part as stored."""
        self._characters += len(part["text"])
        self._pieces += pieces


class AnswerLog:
    """Writes the log of the runs of a process."""

    def __init__(self, database: Database, process_id: UUID) -> None:
        self._database = database
        self._process_id = process_id
        self._progress: dict[UUID, _Progress] = {}  # by run id
        self._task: asyncio.Task[None] | None = None
        self._has_beaten = False

    @contextmanager
    def of(self, run: Run) -> Iterator[None]:
        """Store the text so far of a run during the block."""
        self._progress[run.id] = _Progress(run)
        if self._task is None:
            # In a context of its own: it serves no request, and takes no user's turns.
            self._task = asyncio.create_task(self._repeat(), context=Context())
        try:
            yield
        finally:
            del self._progress[run.id]

    async def close(self) -> None:
        """End, and delete this process's sign of life, unless answers of it are left."""
        if self._task is not None:
            self._task.cancel()
        if self._has_beaten:
            with suppress(DatabaseUnavailable):  # others delete it once it is old
                await self._database.write(processes.remove, self._process_id)

    async def _repeat(self) -> None:
        try:
            while self._progress:
                await asyncio.sleep(TICK_SECONDS)
                if self._progress:
                    await self._tick()
        finally:
            self._task = None

    async def _tick(self) -> None:
        together = [one for one in self._progress.values() if not one.stands_alone]
        alone = [one for one in self._progress.values() if one.stands_alone]
        try:
            await self._write(together)
        except DatabaseUnavailable:
            return
        except Exception:
            log.exception("the texts of %d answers could not be stored", len(together))
            alone += together
        for one in alone:
            await self._write_alone(one)

    async def _write_alone(self, one: _Progress) -> None:
        try:
            await self._write([one])
            one.stands_alone = False
        except DatabaseUnavailable:
            pass
        except Exception:  # the answer goes on in memory and is stored at its end
            if not one.stands_alone:
                log.exception("run %s: its text could not be stored", one.run.question_id)
            one.stands_alone = True

    async def _write(self, those: Sequence[_Progress]) -> None:
        """Give a sign of life, and store what is new of these runs."""
        room = TICK_CHARACTERS // max(1, len(those))
        parts = {one.run.id: one.next_part(room) for one in those}
        running, stored = await self._database.write(
            _store, self._process_id, {id_: part for id_, (part, _) in parts.items()}
        )
        self._has_beaten = True
        for one in those:
            if one.run.id in stored:
                one.advance(*parts[one.run.id])
            if one.run.id in running:
                one.run.is_confirmed = True
            elif one.run.is_confirmed:
                one.run.stop(Cancelled())  # how it ends is in its row


def _store(
    connection: Connection, process_id: UUID, parts: dict[UUID, dict[str, Any]]
) -> tuple[set[UUID], set[UUID]]:
    """Store the sign of life, and the parts by run id.

    Returns the runs whose questions are still theirs, and those of them whose parts are stored: a
    row that another transaction has locked holds up no other.
    """
    processes.beat(connection, process_id, now())
    new = {run_id: part for run_id, part in parts.items() if part["text"]}
    stored = new.keys() & answer_parts.running(connection, _questions(new.values()), locked=True)
    answer_parts.add(connection, [new[run_id] for run_id in stored])
    others = _questions(parts[run_id] for run_id in parts.keys() - stored)
    return stored | parts.keys() & answer_parts.running(connection, others), stored


def _questions(parts: Iterable[Mapping[str, Any]]) -> set[UUID]:
    return {part["question_id"] for part in parts}
