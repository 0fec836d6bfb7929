"""Connections of a server process: fewer than it may have files open, shared among sites."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Sequence
from ipaddress import ip_address, ip_network
from typing import Protocol

from askcli.errors import Unavailable
from askcli.server.protocol.heads import Held
from askcli.services import request_info

# The site of all trusted proxies, whose connections are many people's: no other site takes theirs.
PROXIES = "trusted proxies"

RETRY_AFTER_SECONDS = 2


class Connection(Protocol):
    """A connection; `client` is its address and port, None on a Unix socket."""

    client: tuple[str, int] | None
    transport: asyncio.Transport

    def is_idle(self) -> bool:
        """Whether it waits for a request, or for a stranger to take a response."""


class Serving:
    """A request that counts for its user from `begin` on, until the end of its `with` block."""

    __slots__ = ("_has_begun", "_limit", "_served", "_user")

    def __init__(self, served: Counter[Hashable], limit: int, user: Hashable) -> None:
        """`served` counts those of each user; `limit` is the most of one."""
        self._served, self._limit, self._user = served, limit, user
        self._has_begun = False

    def begin(self) -> None:
        """Count it, if it does not count yet. Raises Unavailable."""
        if self._has_begun:
            return
        if self._served[self._user] >= self._limit:
            raise Unavailable(
                "The server answers as many of your requests as it can at once.",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._served[self._user] += 1
        self._has_begun = True

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        if self._has_begun:
            self._served[self._user] -= 1
            if not self._served[self._user]:
                del self._served[self._user]


class Connections:
    """The open connections, up to a number.

    Beyond it the one that has been idle for the longest is closed for a new one: of the site with
    the most connections first, and of none that has fewer than the new one's. Of one user requests
    are served on half of them at most.
    """

    def __init__(self, limit: int, proxies: Sequence[str] = ()) -> None:
        """`proxies` are the addresses and networks of the trusted ones."""
        self.held = Held()
        self._limit = limit
        self._proxies = [ip_network(proxy) for proxy in proxies]
        self._served = Counter[Hashable]()  # requests, by user
        self._sites: dict[Connection, str | None] = {}
        self._counts = Counter[str | None]()  # of connections, by site
        # Those that may be idle, by site, the longest without a response first. One that is looked
        # at and found busy is left out until its next response.
        self._idle: dict[str | None, dict[Connection, None]] = {}
        # Sites with such connections, but for the proxies, by their number of connections.
        self._ranks: dict[int, dict[str | None, None]] = {}
        self._rank_of: dict[str | None, int] = {}

    def add(self, connection: Connection) -> bool:
        """Add a new connection; return False, and do not add it, if there is no room for it."""
        site = self._site(connection)
        if len(self._sites) >= self._limit:
            idle = self._longest_idle(site)
            if idle is None:
                return False
            self.discard(idle)
            idle.transport.abort()
        self._sites[connection] = site
        self._counts[site] += 1
        self._idle.setdefault(site, {})[connection] = None
        self._rank(site)
        return True

    def is_waiting(self, connection: Connection) -> None:
        """Note that the connection is idle from now on, or that its client does not read."""
        if connection in self._sites:
            self._leave_out(connection)
            site = self._sites[connection]
            self._idle.setdefault(site, {})[connection] = None
            self._rank(site)

    def discard(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        if connection in self._sites:
            self._leave_out(connection)
            site = self._sites.pop(connection)
            self._counts[site] -= 1
            if not self._counts[site]:
                del self._counts[site]
            self._rank(site)

    def serving(self, user: Hashable) -> Serving:
        """Return a request of the user, which counts once it begins."""
        return Serving(self._served, self._limit // 2, user)

    def _leave_out(self, connection: Connection) -> None:
        site = self._sites[connection]
        if connection in self._idle.get(site, ()):
            del self._idle[site][connection]
            if not self._idle[site]:
                del self._idle[site]

    def _rank(self, site: str | None) -> None:
        """Note the site's number of connections, if some may be idle."""
        rank = self._counts[site] if site in self._idle and site != PROXIES else 0
        before = self._rank_of.pop(site, 0)
        if before:
            del self._ranks[before][site]
            if not self._ranks[before]:
                del self._ranks[before]
        if rank:
            self._ranks.setdefault(rank, {})[site] = None
            self._rank_of[site] = rank

    def _longest_idle(self, site: str | None) -> Connection | None:
        """Each look at a connection ends the search or leaves it out: a few, on average."""
        count = 0 if site == PROXIES else self._counts[site]
        while True:
            most = max(self._ranks, default=0)  # of few: sites have few different numbers
            chosen = next(iter(self._ranks[most])) if most > count else site
            connection = next(iter(self._idle.get(chosen, ())), None)
            if connection is None or connection.is_idle():
                return connection
            self._leave_out(connection)
            self._rank(chosen)

    def _site(self, connection: Connection) -> str | None:
        address = connection.client and connection.client[0]
        if address and self._proxies:
            parsed = ip_address(address)
            if any(parsed in network for network in self._proxies):
                return PROXIES
        return request_info.site_of(address)
