"""Connections of a server process: fewer than it may have files open, shared among sites."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Protocol


class Connection(Protocol):
    """A connection; `site` is None on a Unix socket."""

    site: str | None
    transport: asyncio.Transport

    def is_idle(self) -> bool:
        """Whether it serves no request of an authenticated caller."""


class Connections:
    """The open connections, up to a number.

    Beyond it the one that has been idle for the longest is closed for a new one: of the site with
    the most connections first, and of none that has fewer than the new one's.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._connections: dict[Connection, None] = {}  # the longest without a response first

    def add(self, connection: Connection) -> bool:
        """Add a new connection; return False, and do not add it, if there is no room for it."""
        if len(self._connections) >= self._limit:
            idle = self._longest_idle(connection.site)
            if idle is None:
                return False
            self.discard(idle)
            idle.transport.abort()
        self._connections[connection] = None
        return True

    def has_responded(self, connection: Connection) -> None:
        """Note that the connection is idle from now on."""
        if connection in self._connections:
            del self._connections[connection]
            self._connections[connection] = None

    def discard(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self._connections.pop(connection, None)

    def _longest_idle(self, site: str | None) -> Connection | None:
        counts = Counter(connection.site for connection in self._connections)
        idle = [c for c in self._connections if counts[c.site] > counts[site] and c.is_idle()]
        idle = idle or [c for c in self._connections if c.site == site and c.is_idle()]
        return max(idle, key=lambda connection: counts[connection.site], default=None)
