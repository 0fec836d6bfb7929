"""The deadline for a client to take what is written to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from askcli.server.protocol.writing import WriteDeadline


class Connection:
    """A transport whose buffer the test empties, and the clock beside it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.aborted = False
        self._due: tuple[Callable[..., None], tuple[Any, ...]] | None = None

    def get_write_buffer_size(self) -> int:
        return self.size

    def abort(self) -> None:
        self.aborted = True

    def call_later(self, _: float, callback: Callable[..., None], *arguments: Any) -> Connection:
        self._due = callback, arguments
        return self

    def cancel(self) -> None:
        self._due = None

    def time_passes(self) -> bool:
        """Whether anything was waiting for it."""
        due, self._due = self._due, None
        if due is not None:
            due[0](*due[1])
        return due is not None


def writing(size: int) -> tuple[Connection, WriteDeadline]:
    connection = Connection(size)
    loop = cast(asyncio.AbstractEventLoop, connection)
    return connection, WriteDeadline(cast(asyncio.Transport, connection), loop)


def test_a_slow_reader_is_told_from_one_that_has_stopped() -> None:
    connection, deadline = writing(1000)
    deadline.start(30)
    for size in (999, 998, 10):  # little by little
        connection.size = size
        assert connection.time_passes()
        assert not connection.aborted
    assert connection.time_passes()
    assert connection.aborted


def test_what_has_been_taken_is_not_waited_for() -> None:
    connection, deadline = writing(1000)
    deadline.start(30)
    connection.size = 0
    assert connection.time_passes()
    assert not connection.time_passes()
    connection.size = 500
    deadline.start(30)
    deadline.stop()
    assert not connection.time_passes()
    assert not connection.aborted
