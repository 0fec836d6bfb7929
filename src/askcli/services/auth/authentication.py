"""Authentication: the caller that a token stands for, and watching that it stays valid.

Checked at each request, so that a logout, a revoked token and a disabled user take effect at once
on every server; and for all open streams together, which end then too, when a notification tells of
an end, or once a second where none arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from askcli.contract.protocol import API_TOKEN_PREFIX
from askcli.errors import AccountDisabled, InvalidToken, SessionEnded
from askcli.services import background
from askcli.services.auth.rotation import use_access_token
from askcli.services.auth.tokens import Tokens, hash_token
from askcli.services.background import wait_for_event
from askcli.services.clock import now
from askcli.store import api_tokens, pool, sessions
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.notifications import Kind

# Scopes of API tokens, and those of a login besides.
TOKEN_SCOPES = frozenset({"ask", "read"})
ALL_SCOPES = TOKEN_SCOPES | {"account"}

WATCH_SECONDS = 1.0
# Where notifications arrive: for what has none, such as the time at which a token expires.
NOTIFIED_WATCH_SECONDS = 5.0
MAX_REMEMBERED = 10_000
# `last_used_at` of an API token is that coarse: a write for each request would be too many.
LAST_USED_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who makes a request, by a session or by an API token of theirs."""

    user_id: UUID
    scopes: frozenset[str]
    session_id: UUID | None = None
    token_id: UUID | None = None


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


class Authentication:
    """Authenticates callers and watches those with open streams."""

    def __init__(self, database: Database, tokens: Tokens, listener: Listener) -> None:
        self._database = database
        self._tokens = tokens
        self._listener = listener
        self._watches: set[Watch] = set()
        self._revoked = set[UUID]()  # users some of whose sessions or tokens have ended
        self._is_any_due = True  # or those of these users
        self._is_due = asyncio.Event()
        listener.on(Kind.REVOKED, self._on_revocation)
        listener.on_turn(self._on_turn)
        # Of API tokens that were valid: for whose turn it is at the database, and nothing else.
        self._users: dict[str, str] = {}

    async def authenticate(self, token: str) -> Caller:
        """Return the caller of a token.

        Raises InvalidToken, TokenExpired, SessionEnded or AccountDisabled.
        """
        if token.startswith(API_TOKEN_PREFIX):
            return await self._by_api_token(token)
        login, generation = self._tokens.verify(token)
        pool.take_turns_as(str(login.user_id))
        session = await self._database.read(
            sessions.live_with_token, login.session_id, generation, now()
        )
        if session is None or session["user_id"] != login.user_id:
            raise SessionEnded()
        if session["disabled_at"]:
            raise AccountDisabled()
        if session["superseded_at"] or generation > session["used_generation"]:
            # One write for each rotation.
            error = await self._database.write(use_access_token, login, generation)
            if error:
                raise error
        return Caller(login.user_id, ALL_SCOPES, session_id=login.session_id)

    async def _by_api_token(self, token: str) -> Caller:
        token_hash, timestamp = hash_token(token), now()
        if user_id := self._users.get(token_hash):
            pool.take_turns_as(user_id)
        row = await self._database.read(api_tokens.by_hash, token_hash)
        if row is None or row["expires_at"] <= timestamp:
            self._users.pop(token_hash, None)  # whoever has it now takes no turns of its user
            raise InvalidToken("The API token is not valid: it is wrong, revoked or expired.")
        if row["disabled_at"]:
            raise AccountDisabled()
        self._remember(token_hash, str(row["user_id"]))
        last_used_at = row["last_used_at"]
        if last_used_at is None or abs(timestamp - last_used_at) > LAST_USED_RESOLUTION:
            await self._database.write(api_tokens.use, row["id"], timestamp)
        scopes = TOKEN_SCOPES & set(row["scopes"].split())
        return Caller(row["user_id"], frozenset(scopes), token_id=row["id"])

    def _remember(self, token_hash: str, user_id: str) -> None:
        pool.take_turns_as(user_id)
        if len(self._users) >= MAX_REMEMBERED:
            self._users.clear()
        self._users[token_hash] = user_id

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
