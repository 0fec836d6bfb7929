"""A psycopg connection that waits for PostgreSQL until the deadline of its unit of work at most.

A server that hangs, or a network that drops all packets, sends neither an answer nor an error: no
time-out of PostgreSQL's own ends the wait, because it is PostgreSQL that would have to.
"""

from __future__ import annotations

from typing import Any

import psycopg

from askcli.store import deadline

# After the deadline there is still that much time to roll back.
LEAST_SECONDS = 0.2


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself when an answer does not come in time; the pool then replaces it."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the end of psycopg's generator. Raises OperationalError at the deadline."""
        left = deadline.remaining()
        if left is not None:
            timeout = max(left, LEAST_SECONDS)
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.OperationalError:
            if deadline.has_passed():
                self.close()  # its state is unknown: the answer may come later
            raise
