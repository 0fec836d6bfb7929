"""Watching that the callers of open streams stay valid.

For all streams together, which end with their callers: when a notification tells of an end, or once
a second where none arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Set
from contextlib import contextmanager
from uuid import UUID

from askcli.errors import SessionEnded
from askcli.services import background
from askcli.services.auth.authentication import Caller
from askcli.services.background import wait_for_event
from askcli.services.clock import now
from askcli.store import api_tokens, sessions
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.notifications import Kind

WATCH_SECONDS = 1.0
# Where notifications arrive: for what has none, such as the time at which a token expires.
NOTIFIED_WATCH_SECONDS = 5.0


class Watch:
    """Whether a caller's session or token is still valid."""

    def __init__(self, caller: Caller, on_end: Callable[[], None]) -> None:
        """`on_end` is called once a second from the end on, until the request is over."""
        self.caller = caller
        self.has_ended = False
        self._on_end = [on_end]

    def call_at_end(self, on_end: Callable[[], None]) -> None:
        """Call this too from the end on."""
        self._on_end.append(on_end)

    def update(self, valid: Set[UUID]) -> None:
        """Compare with the ids of the sessions and tokens that are valid."""
        self.has_ended = (self.caller.session_id or self.caller.token_id) not in valid
        if self.has_ended:
            for on_end in self._on_end:
                on_end()

    def check(self) -> None:
        """Raise SessionEnded once the session or the token has ended."""
        if self.has_ended:
            raise SessionEnded("The session or the token has ended meanwhile; log in again.")


class Watches:
    """Watches the callers with open streams."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self._watches: set[Watch] = set()
        self._revoked = set[UUID]()  # users some of whose sessions or tokens have ended
        self._is_any_due = True  # or those of these users
        self._is_due = asyncio.Event()
        listener.on(Kind.REVOKED, self._on_revocation)
        listener.on_turn(self._on_turn)

    @contextmanager
    def watching(self, caller: Caller, on_end: Callable[[], None]) -> Iterator[Watch]:
        """Watch the caller's session or token during the block."""
        watch = Watch(caller, on_end)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def run(self) -> None:
        """Update the watches until cancelled; a database outage ends nobody's stream."""
        await background.repeat(self._update_due, 0)

    def _on_revocation(self, user_ids: Collection[UUID]) -> None:
        self._revoked.update(user_ids)
        self._is_due.set()

    def _on_turn(self) -> None:
        self._is_any_due = True  # notifications were missed
        self._is_due.set()

    async def _update_due(self) -> None:
        """Wait until watches are due, and update them."""
        if not await wait_for_event(self._is_due, self._pause()):
            self._is_any_due = True
        self._is_due.clear()
        revoked, self._revoked = self._revoked, set()
        is_any_due, self._is_any_due = self._is_any_due, True  # again, if this fails
        await self._update_watches(
            [w for w in self._watches if is_any_due or w.caller.user_id in revoked]
        )
        self._is_any_due = False

    def _pause(self) -> float:
        """Return the seconds until all watches are due."""
        is_notified = self._listener.is_listening and not self._is_any_due
        if is_notified and not any(watch.has_ended for watch in self._watches):
            return NOTIFIED_WATCH_SECONDS
        return WATCH_SECONDS

    async def _update_watches(self, watches: Collection[Watch]) -> None:
        timestamp = now()
        session_ids = {w.caller.session_id for w in watches if w.caller.session_id}
        token_ids = {w.caller.token_id for w in watches if w.caller.token_id}
        valid: set[UUID] = set()
        if session_ids:
            valid |= await self._database.read(sessions.filter_live, session_ids, timestamp)
        if token_ids:
            valid |= await self._database.read(api_tokens.filter_valid, token_ids, timestamp)
        for watch in watches:
            watch.update(valid)
