"""Ask a batch's rows, several at once, and hand their answers on in the rows' order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from askcli.cli.commands.batch.rows import Row
from askcli.cli.output.answer import check_whole
from askcli.client.api import Api
from askcli.client.resume import Asking
from askcli.contract import EVENT_QUESTION, Question
from askcli.errors import (
    AskcliError,
    NotAuthenticated,
    RateLimited,
    Refused,
    ShuttingDown,
    Unreachable,
)

# So many rows, for each that is being asked, may wait for an earlier one to be printed.
AHEAD = 8
# A row that failed in so many earlier runs is not worth another one.
MOST_ATTEMPTS = 50

_ALIVE = ("answering", "answered")
# What would befall every other row too: the batch ends, to go on when it is mended.
_ENDS_ALL = (NotAuthenticated, RateLimited, Refused, ShuttingDown, Unreachable)


@dataclass(frozen=True, slots=True)
class Asked:
    """A row and what became of it: the question, or the error."""

    row: Row
    question: Question | None = None
    error: AskcliError | None = None


def ask_all(
    api: Api, rows: Iterator[Row], concurrency: int, tell: Callable[[str], None]
) -> Iterator[Asked]:
    """Ask the rows, `concurrency` at a time, and yield what became of them, in their order.

    Raises what would befall all that is left too.
    """
    work: SimpleQueue[tuple[Row, Future[Asked]] | None] = SimpleQueue()
    for _ in range(concurrency):
        # Daemons: who ends the batch does not wait for answers, which the server goes on with.
        threading.Thread(target=_work, args=(api, work, tell), daemon=True).start()
    coming: list[Future[Asked]] = []
    try:
        for row in rows:
            answer: Future[Asked] = Future()
            work.put((row, answer))
            coming.append(answer)
            while coming and (coming[0].done() or len(coming) >= concurrency * AHEAD):
                yield coming.pop(0).result()
        for answer in coming:
            yield answer.result()
    finally:
        for _ in range(concurrency):
            work.put(None)


def _work(
    api: Api, work: SimpleQueue[tuple[Row, Future[Asked]] | None], tell: Callable[[str], None]
) -> None:
    while item := work.get():
        row, answer = item
        try:
            answer.set_result(_ask(api, row, tell))
        except BaseException as error:  # noqa: BLE001 - the thread that waits for it raises it
            answer.set_exception(error)


def _ask(api: Api, row: Row, tell: Callable[[str], None]) -> Asked:
    """Ask a row, unless an earlier run has: then its answer is the row's.

    What failed in an earlier run is asked anew, under the key of the next attempt.
    """
    for attempt in range(MOST_ATTEMPTS):
        try:
            return Asked(row, _answer(api, row, attempt, tell))
        except _FailedBeforeError:
            continue
        except _ENDS_ALL:
            raise
        except AskcliError as error:
            return Asked(row, error=error)
    return Asked(row, error=AskcliError(f"failed {MOST_ATTEMPTS} times; it is not asked again."))


class _FailedBeforeError(Exception):
    """This attempt was made in an earlier run, and failed then."""


def _answer(api: Api, row: Row, attempt: int, tell: Callable[[str], None]) -> Question:
    asking = Asking(api, tell)
    try:
        for event in asking.ask(row.body, row.key(attempt)):
            if event.name == EVENT_QUESTION and event.data["status"] not in _ALIVE:
                raise _FailedBeforeError
            if error := event.error():
                raise error
            if event.is_last:
                finished: Any = event.data
                check_whole(finished)
                return finished  # type: ignore[no-any-return]
        raise AskcliError("the answer ended without an end.")
    except AskcliError as error:
        error.question_id = error.question_id or asking.question_id
        raise
