"""Bugs that the simulation must find: each breaks one rule of the product during a block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from askcli.client.api import Api
from askcli.services.runs import answer_log, storage
from askcli.services.usage.metering import Metering
from askcli.store import orphans, processes, questions, tables

Bug = Callable[[], AbstractContextManager[Any]]


def _retry_without_key() -> Any:
    """A repeated question comes with another idempotency key."""
    ask, count = Api.ask, iter(range(10**9))
    return patch.object(Api, "ask", lambda self, body, key: ask(self, body, f"{key} {next(count)}"))


def _no_dequeue() -> Any:
    """A question is sent without a look at whether it is still its run's."""

    async def dequeue(*_: object) -> None:
        return None

    return patch.object(storage.AnswerStorage, "dequeue", dequeue)


def _no_settlement() -> Any:
    """The end of an answer leaves its reservation."""
    return patch.object(Metering, "settle", lambda *_: None)


def _heartbeat_is_not_compared() -> Any:
    """A process is taken for dead whatever its heartbeat."""
    return patch.object(processes, "lock_silent", lambda *_: True)


def _orphans_after_one_check() -> Any:
    """Two equal heartbeats in a row make an orphan."""
    from askcli.services.runs import orphans as checks

    return patch.object(checks, "CHECKS_PER_TIMEOUT", 1)


def _end_overwrites() -> Any:
    """The end of an answer is stored whatever its row says."""

    def finish(connection: Any, question_id: Any, _run: Any, values: Any, entry: Any) -> bool:
        table = tables.questions
        statement = table.update().where(table.c.id == question_id).values(**values)
        return bool(connection.execute(statement).rowcount)

    return patch.object(questions, "finish", finish)


def _no_log() -> Any:
    """The text so far is never stored."""

    async def tick(*_: object) -> None:
        return None

    return patch.object(answer_log.AnswerLog, "_tick", tick)


def _no_end_in_row() -> Any:
    """Who cancels elsewhere goes on as if nothing was."""
    return patch.object(orphans, "touch", lambda _connection, signs: set(signs))


BUGS: dict[str, Bug] = {
    name.removeprefix("_"): value
    for name, value in list(globals().items())
    if name.startswith("_") and callable(value) and value.__module__ == __name__
}
