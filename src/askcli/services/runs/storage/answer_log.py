"""The log of this process's answers: what is new of each, twice a second, and a sign of life.

One transaction takes all of it, and each text is written once. While nothing is answered, nothing
is written. What another process follows is written as it comes, and that process notified of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import Cancelled, DatabaseUnavailable
from askcli.services.background import pause, wait_for_event
from askcli.services.clock import now
from askcli.services.runs.elsewhere.followers import Followers, News
from askcli.services.runs.run import Run
from askcli.services.runs.storage.progress import Part, Progress
from askcli.store.database import Database
from askcli.store.queries import answer_parts, notifications, processes

log = logging.getLogger("askcli.answer_log")

TICK_SECONDS = 0.5  # so that a crash loses less than a second of text, writing it included

# Between two ticks of what other processes follow: a delta arrives there so much later at most.
FOLLOWED_TICK_SECONDS = 0.02

# New text that all runs of a tick have together; what there is beyond it, after an outage, is
# stored in the next ones.
TICK_CHARACTERS = 4_194_304


class AnswerLog:
    """Writes the log of the runs of a process."""

    def __init__(self, database: Database, process_id: UUID) -> None:
        self._database = database
        self._process_id = process_id
        self._progress: dict[UUID, Progress] = {}  # by run id
        self._followers = Followers()
        self._urgent = set[UUID]()  # runs that are to be written at once
        self._is_urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._may_have_beaten = False

    def begin(self, run: Run) -> None:
        """Store the text so far of a run from now on, until its `end`; it may have begun before."""
        self._start()
        run.stream.on_text = partial(self._on_text, run)
        self._progress.setdefault(run.id, Progress(run))

    def end(self, run: Run) -> None:
        """Store no more of a run, and tell who follows it of its end."""
        self._progress.pop(run.id, None)
        self._followers.tell(run.question_id)
        self._hurry()

    def add_followers(self, ids: Sequence[UUID]) -> None:
        """Let a process follow questions of this one: the first of the ids, and the others."""
        process_id, *question_ids = ids
        self._followers.add(process_id, question_ids)
        self._urgent |= self._runs_of(question_ids)
        self._hurry()

    def check(self, question_ids: Collection[UUID]) -> None:
        """Stop the runs of these questions at once if they are no longer their runs' own."""
        if runs := self._runs_of(question_ids):
            self._urgent |= runs
            self._is_urgent.set()

    def _runs_of(self, question_ids: Collection[UUID]) -> set[UUID]:
        those = set(question_ids)
        return {one.run.id for one in self._progress.values() if one.run.question_id in those}

    def _on_text(self, run: Run) -> None:
        if run.question_id in self._followers:
            self._urgent.add(run.id)
            self._is_urgent.set()

    def _hurry(self) -> None:
        """Tell the followers now, if there is something to tell."""
        if self._followers.have_news:
            self._is_urgent.set()
            self._start()

    def _start(self) -> None:
        if self._task is None:
            # In a context of its own: it serves no request, and takes no user's turns.
            self._task = asyncio.create_task(self._repeat(), context=Context())

    async def close(self) -> None:
        """End, and delete this process's sign of life, unless answers of it are left."""
        async with self._writing:  # whose thread would go on, and give another sign of life
            if self._task is not None:
                self._task.cancel()
        with suppress(DatabaseUnavailable):  # others see it by themselves, later
            if news := self._followers.take_news():
                await self._database.write(notifications.news, news)
            if self._may_have_beaten:
                await self._database.write(processes.remove, self._process_id)

    async def _repeat(self) -> None:
        next_tick = asyncio.get_running_loop().time() + TICK_SECONDS
        try:
            while self._progress or self._followers.have_news:
                try:
                    next_tick = await self._step(next_tick)
                except Exception:  # without it no answer would have signs of life any more
                    log.exception("the log of answers failed, and will be tried again")
                    await pause(TICK_SECONDS)
        finally:
            self._task = None

    async def _step(self, next_tick: float) -> float:
        """Wait, and write what is due; return the time of the next tick."""
        clock = asyncio.get_running_loop().time
        if await wait_for_event(self._is_urgent, next_tick - clock()):
            started = clock()
            await self._tick_urgent()
            await asyncio.sleep(started + FOLLOWED_TICK_SECONDS - clock())
        if clock() < next_tick:
            return next_tick
        if self._progress or self._followers.have_news:
            await self._tick()
        return clock() + TICK_SECONDS

    async def _tick_urgent(self) -> None:
        """Write what is new of the runs that cannot wait for the next tick."""
        self._is_urgent.clear()
        urgent, self._urgent = self._urgent, set()
        runs = [self._progress[id_] for id_ in urgent if id_ in self._progress]
        with suppress(Exception):  # the next tick has it, and finds out what fails
            await self._write([one for one in runs if not one.stands_alone], is_tick=False)

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

    async def _write(self, those: Sequence[Progress], *, is_tick: bool = True) -> None:
        """Give a sign of life with a tick, store what is new of these runs, and tell of it."""
        room = TICK_CHARACTERS // max(1, len(those))
        parts = {one.run.id: one.next_part(room) for one in those}
        for part in parts.values():
            if part.text:
                self._followers.tell(part.question_id)
        process_id = self._process_id if is_tick and self._progress else None
        news = self._followers.take_news()
        self._may_have_beaten = self._may_have_beaten or process_id is not None
        try:
            async with self._writing:
                running, stored = await self._database.write(_store, process_id, parts, news)
        except BaseException:
            self._followers.give_back(news)
            raise
        for one in those:
            if one.run.id in stored:
                one.advance(parts[one.run.id])
            if one.run.id in running:
                one.run.is_confirmed = True
            elif one.run.is_confirmed:
                one.run.stop(Cancelled())  # how it ends is in its row


def _store(
    connection: Connection, process_id: UUID | None, parts: Mapping[UUID, Part], news: News
) -> tuple[set[UUID], set[UUID]]:
    """Store the sign of life of a process, and the parts by run id; notify those who follow.

    Returns the runs whose questions are still theirs, and those of them whose parts are stored: a
    row that another transaction has locked holds up no other.
    """
    if process_id is not None:
        processes.beat(connection, process_id, now())
    new = {run_id: part for run_id, part in parts.items() if part.text}
    stored = new.keys() & answer_parts.running(connection, _questions(new.values()), locked=True)
    rows = [part.row for run_id, part in new.items() if run_id in stored]
    answer_parts.add(connection, rows)
    others = _questions(part for run_id, part in parts.items() if run_id not in stored)
    running = stored | parts.keys() & answer_parts.running(connection, others)
    notifications.news(connection, news)
    return running, stored


def _questions(parts: Iterable[Part]) -> set[UUID]:
    return {part.question_id for part in parts}
