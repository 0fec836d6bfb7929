"""Asks the rows of a batch with a pool of threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeAlias

from askcli.cli.commands.batch.rows import Row
from askcli.cli.commands.batch.under_way import UnderWay
from askcli.cli.output.answer import check_whole
from askcli.client.api import Api
from askcli.client.resume import Asking
from askcli.contract.protocol import EVENT_QUESTION
from askcli.contract.shapes import Question
from askcli.errors import (
    AskcliError,
    Failed,
    NotAuthenticated,
    RateLimited,
    Refused,
    ShuttingDown,
    Unpriced,
    Unreachable,
)

log = logging.getLogger("askcli.notices")

# Answered rows, for each thread, that may wait for an earlier row to be printed.
AHEAD = 8
# A row that failed in this many earlier runs is not asked again.
MOST_ATTEMPTS = 50

LONGER = "give its row a higher max_tokens."
_ALIVE = ("answering", "answered")
# Errors that every other row would meet too: the batch ends, to be continued later.
_ENDS_ALL = (NotAuthenticated, RateLimited, Refused, ShuttingDown, Unreachable)


@dataclass(frozen=True, slots=True)
class Asked:
    """A row with its answered question, or its error."""

    row: Row
    question: Question | None = None
    error: AskcliError | None = None
    is_final: bool = False  # the row meets the same error in every further run


# Rows and where their outcomes go; None ends a thread.
Work: TypeAlias = "SimpleQueue[tuple[Row, Future[Asked]] | None]"


def ask_all(api: Api, rows: Iterator[Row], concurrency: int) -> Iterator[Asked]:
    """Ask the rows, `concurrency` at a time, and yield their outcomes in the order of the rows.

    Fewer at a time where the system's limit allows no more threads. Raises an error that all
    remaining rows would meet too.
    """
    work: Work = SimpleQueue()
    concurrency = _start(api, work, concurrency)
    pending: list[Future[Asked]] = []
    try:
        for row in rows:
            answer: Future[Asked] = Future()
            work.put((row, answer))
            pending.append(answer)
            while pending and (pending[0].done() or len(pending) >= concurrency * AHEAD):
                yield pending.pop(0).result()
        for answer in pending:
            yield answer.result()
    finally:
        for _ in range(concurrency):
            work.put(None)


def _start(api: Api, work: Work, most: int) -> int:
    """Start so many threads, or as many as can be started; return how many. Raises Failed."""
    under_way = UnderWay()
    for number in range(most):
        try:
            # A daemon: the end of the batch waits for no answer, which the server goes on with.
            threading.Thread(target=_work, args=(api, work, under_way), daemon=True).start()
        except (RuntimeError, MemoryError):  # the system's limit of threads or of memory
            if not number:
                raise Failed(
                    "no thread can be started: raise the limit of processes and threads (ulimit "
                    "-u, --pids-limit), or of memory (ulimit -v)."
                ) from None
            log.warning("askcli: no more than %d threads can be started.", number)
            return number
    return most


def _work(api: Api, work: Work, under_way: UnderWay) -> None:
    while item := work.get():
        row, answer = item
        try:
            answer.set_result(under_way.ask(partial(_ask, api, row)))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for it
            answer.set_exception(error)


def _ask(api: Api, row: Row) -> Asked:
    """Ask a row, or return the answer of an earlier run.

    A row that failed in an earlier run is asked again: by the server where nothing was billed, else
    under the key of the next attempt.
    """
    for attempt in range(MOST_ATTEMPTS):
        try:
            return Asked(row, _answer(api, row, attempt))
        except _FailedBeforeError:
            continue
        except Unpriced as error:  # another row may name another model
            return Asked(row, error=error)
        except _ENDS_ALL:
            raise
        except AskcliError as error:
            # An answer cut off or refused is stored as answered, and is not asked for again.
            return Asked(row, error=error, is_final=error.question_status == "answered")
    given_up = AskcliError(f"failed {MOST_ATTEMPTS} times; it is not asked again.")
    return Asked(row, error=given_up, is_final=True)


class _FailedBeforeError(Exception):
    """This attempt was made in an earlier run, and failed then."""


def _answer(api: Api, row: Row, attempt: int) -> Question:
    asking = Asking(api)
    try:
        for event in asking.ask(row.body, row.key(attempt)):
            if event.name == EVENT_QUESTION and event.data["status"] not in _ALIVE:
                raise _FailedBeforeError
            if error := event.error():
                raise error
            if event.is_last:
                finished: Any = event.data
                check_whole(finished, LONGER)
                return finished  # type: ignore[no-any-return]
        raise AskcliError("the answer ended without an end.")
    except AskcliError as error:
        error.question_id = error.question_id or asking.question_id
        raise
