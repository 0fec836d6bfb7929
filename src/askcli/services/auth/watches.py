"""Watching that the callers of open streams stay valid.

For all streams together, which end with their callers: at once when a notification says that a
session or token has ended, and in any case once a second, because a connection that seems to be
alive may deliver none, and no notification comes when a token expires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Set
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import SessionEnded
from askcli.services import background
from askcli.services.auth.authentication import Caller
from askcli.services.background import wait_for_event
from askcli.services.clock import now
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.queries import api_tokens, sessions
from askcli.store.queries.notifications import Kind

WATCH_SECONDS = 1.0
MISSED = 0.0  # the time at which all are due where notifications were missed: at once


class CallerLeft(Exception):
    """Nobody is there to whom a response could be sent."""


class Watch:
    """Whether a caller's session or token is still valid, and whether they have left.

    Until the end of its `with` block.
    """

    __slots__ = ("_on_end", "_watches", "caller", "has_ended", "has_left")

    def __init__(self, watches: set[Watch], caller: Caller, on_end: Callable[[], None]) -> None:
        """Join `watches`; `on_end` is called once the caller is invalid, and every second after."""
        self.caller = caller
        self.has_ended = self.has_left = False
        self._on_end = [on_end]
        self._watches = watches
        watches.add(self)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        """Call nothing any more: what the request has kept is not kept with it."""
        self._watches.discard(self)
        self._on_end.clear()

    def call_at_end(self, on_end: Callable[[], None]) -> None:
        """Call this too from then on, and when the caller has left."""
        self._on_end.append(on_end)

    def leave(self) -> None:
        """Note that the caller's connection is lost."""
        self.has_left = True
        self._tell()

    def update(self, valid: Set[UUID]) -> None:
        """Compare with the ids of the sessions and tokens that are valid."""
        self.has_ended = (self.caller.session_id or self.caller.token_id) not in valid
        if self.has_ended or self.has_left:
            self._tell()

    def _tell(self) -> None:
        for on_end in self._on_end:
            on_end()

    def check(self) -> None:
        """Raise SessionEnded once the session or the token has ended, CallerLeft once they left."""
        if self.has_left:
            raise CallerLeft
        if self.has_ended:
            raise SessionEnded("The session or the token has ended meanwhile; log in again.")


class Watches:
    """Watches the callers with open streams."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._watches: set[Watch] = set()
        self._revoked = set[UUID]()  # users some of whose sessions or tokens have ended
        self._is_due = asyncio.Event()
        self._all_due_at = MISSED
        self.events = 0  # that may have ended callers who were checked, and not watched yet
        listener.on(Kind.REVOKED, self._on_revocation)
        listener.on_turn(self._on_turn)

    def watching(self, caller: Caller, on_end: Callable[[], None], events: int) -> Watch:
        """Watch the caller's session or token.

        `events` is their number from before the caller was checked: if there was one since, it was
        looked into without this watch.
        """
        if not self._watches:
            self._begin()
        watch = Watch(self._watches, caller, on_end)
        if events != self.events:
            self._revoked.add(caller.user_id)
            self._is_due.set()
        return watch

    def _begin(self) -> None:
        """Let all be due a second from now, unless something was missed: nobody was watched."""
        if self._all_due_at != MISSED:
            self._all_due_at = asyncio.get_running_loop().time() + WATCH_SECONDS
        self._is_due.set()

    async def run(self) -> None:
        """Update the watches until cancelled; a database outage ends nobody's stream."""
        await background.repeat(self._update_due, 0)

    def _on_revocation(self, user_ids: Collection[UUID]) -> None:
        self.events += 1
        self._revoked.update(user_ids)
        self._is_due.set()

    def _on_turn(self) -> None:
        self.events += 1
        self._all_due_at = MISSED
        self._is_due.set()

    async def _update_due(self) -> None:
        """Wait until watches are due, and update them."""
        clock = asyncio.get_running_loop().time
        # Without a stream there is no timer: a server that is idle stays so.
        seconds = max(0, self._all_due_at - clock()) if self._watches else None
        await wait_for_event(self._is_due, seconds)
        self._is_due.clear()
        revoked, self._revoked = self._revoked, set()
        # By the clock, and not when the wait has timed out: others' sessions may end all the time.
        if are_all_due := clock() >= self._all_due_at:
            self._all_due_at = clock() + WATCH_SECONDS
        due = [w for w in self._watches if are_all_due or w.caller.user_id in revoked]
        if due:
            valid = await self._database.read(_valid, [w.caller for w in due], now())
            for watch in due:
                watch.update(valid)


def _valid(connection: Connection, callers: Collection[Caller], timestamp: datetime) -> Set[UUID]:
    """Return the ids of the sessions and tokens of these callers that are valid."""
    session_ids = {caller.session_id for caller in callers if caller.session_id}
    token_ids = {caller.token_id for caller in callers if caller.token_id}
    valid = set[UUID]()
    if session_ids:
        valid |= sessions.filter_live(connection, session_ids, timestamp)
    if token_ids:
        valid |= api_tokens.filter_valid(connection, token_ids, timestamp)
    return valid
