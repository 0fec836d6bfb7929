"""A psycopg connection that waits for PostgreSQL until the deadline of its unit of work at most.

A server that hangs, or a network that drops all packets, sends neither an answer nor an error: no
time-out of PostgreSQL's own ends the wait, because it is PostgreSQL that would have to.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg

from askcli.store import deadline

# After the deadline there is still that much time to roll back.
LEAST_SECONDS = 0.2


@contextmanager
def closing_unfinished() -> Iterator[None]:
    """Close the connection that psycopg has begun to make in the block, and has given up.

    The frame of its `connect` has the connection, and the error, which refers to the frame: without
    this it is open until garbage is collected, and an outage leaves very many.
    """
    try:
        yield
    except psycopg.Error as error:
        traceback.clear_frames(error.__traceback__)
        raise


def without_details(error: psycopg.Error) -> psycopg.Error:
    """Leave of PostgreSQL's message what went wrong: its details, which are logged, quote rows."""
    if error.diag.message_primary:
        error.args = (error.diag.message_primary,)
    return error


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself when an answer does not come in time; the pool then replaces it."""

    @classmethod
    def connect(cls, *args: Any, **keywords: Any) -> Self:
        """Connect as psycopg does, and leave nothing open where that fails."""
        with closing_unfinished():
            return super().connect(*args, **keywords)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the end of psycopg's generator. Raises OperationalError at the deadline."""
        left = deadline.remaining()
        if left is not None:
            timeout = max(left, LEAST_SECONDS)
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.Error as error:
            if isinstance(error, psycopg.OperationalError) and deadline.has_passed():
                self.close()  # its state is unknown: the answer may come later
            without_details(error)
            raise
