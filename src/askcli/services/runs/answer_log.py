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
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import Cancelled, DatabaseUnavailable
from askcli.services.clock import now
from askcli.services.runs.progress import Part, Progress
from askcli.services.runs.run import Run
from askcli.store import answer_parts, processes
from askcli.store.database import Database

log = logging.getLogger("askcli.answer_log")

TICK_SECONDS = 0.5  # so that a crash loses less than a second of text, writing it included

# New text that all runs of a tick have together; what there is beyond it, after an outage, is
# stored in the next ones.
TICK_CHARACTERS = 4_194_304


class AnswerLog:
    """Writes the log of the runs of a process."""

    def __init__(self, database: Database, process_id: UUID) -> None:
        self._database = database
        self._process_id = process_id
        self._progress: dict[UUID, Progress] = {}  # by run id
        self._task: asyncio.Task[None] | None = None
        self._has_beaten = False

    @contextmanager
    def of(self, run: Run) -> Iterator[None]:
        """Store the text so far of a run during the block."""
        self._progress[run.id] = Progress(run)
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

    async def _write_alone(self, one: Progress) -> None:
        try:
            await self._write([one])
            one.stands_alone = False
        except DatabaseUnavailable:
            pass
        except Exception:  # the answer goes on in memory and is stored at its end
            if not one.stands_alone:
                log.exception("run %s: its text could not be stored", one.run.question_id)
            one.stands_alone = True

    async def _write(self, those: Sequence[Progress]) -> None:
        """Give a sign of life, and store what is new of these runs."""
        room = TICK_CHARACTERS // max(1, len(those))
        parts = {one.run.id: one.next_part(room) for one in those}
        running, stored = await self._database.write(_store, self._process_id, parts)
        self._has_beaten = True
        for one in those:
            if one.run.id in stored:
                one.advance(parts[one.run.id])
            if one.run.id in running:
                one.run.is_confirmed = True
            elif one.run.is_confirmed:
                one.run.stop(Cancelled())  # how it ends is in its row


def _store(
    connection: Connection, process_id: UUID, parts: Mapping[UUID, Part]
) -> tuple[set[UUID], set[UUID]]:
    """Store the sign of life, and the parts by run id.

    Returns the runs whose questions are still theirs, and those of them whose parts are stored: a
    row that another transaction has locked holds up no other.
    """
    processes.beat(connection, process_id, now())
    new = {run_id: part for run_id, part in parts.items() if part.text}
    stored = new.keys() & answer_parts.running(connection, _questions(new.values()), locked=True)
    rows = [part.row for run_id, part in new.items() if run_id in stored]
    answer_parts.add(connection, rows)
    others = _questions(part for run_id, part in parts.items() if run_id not in stored)
    return stored | parts.keys() & answer_parts.running(connection, others), stored


def _questions(parts: Iterable[Part]) -> set[UUID]:
    return {part.question_id for part in parts}
