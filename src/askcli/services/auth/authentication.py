"""Access: whom a token stands for, what it may be used for, and for how long.

Asked anew at each request, so that a logout, a revoked token and a disabled user count at once on
every server; and asked once a second for all streams that are open, which end then too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from askcli.contract import API_TOKEN_PREFIX
from askcli.errors import AccountDisabled, DatabaseUnavailable, InvalidToken, SessionEnded
from askcli.services.auth.tokens import Tokens, hashed
from askcli.services.clock import now
from askcli.store import api_tokens, sessions
from askcli.store.database import Database

# What an API token may be made for, and what a login may do besides.
TOKEN_SCOPES = frozenset({"ask", "read"})
ALL_SCOPES = TOKEN_SCOPES | {"account"}

LOOK_SECONDS = 1.0
NOTE_USE_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: by a session of theirs, or by an API token."""

    user_id: UUID
    scopes: frozenset[str]
    session_id: UUID | None = None
    token_id: UUID | None = None


class Watch:
    """Whether a caller may still be served."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.over = False

    def check(self) -> None:
        """Raises SessionEnded when the caller's session or token has ended meanwhile."""
        if self.over:
            raise SessionEnded("The session or the token has ended meanwhile; log in again.")


class Access:
    """Who may come in, and who must leave."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._watches: set[Watch] = set()

    async def caller(self, token: str) -> Caller:
        """Whom the token stands for.

        Raises InvalidToken, TokenExpired, SessionEnded or AccountDisabled.
        """
        if token.startswith(API_TOKEN_PREFIX):
            return await self._by_api_token(token)
        login = self._tokens.login(token)
        session = await self._database.read(sessions.live, login.session_id, now())
        if session is None or session["user_id"] != login.user_id:
            raise SessionEnded()
        if session["disabled_at"]:
            raise AccountDisabled()
        return Caller(login.user_id, ALL_SCOPES, session_id=login.session_id)

    async def _by_api_token(self, token: str) -> Caller:
        row, moment = await self._database.read(api_tokens.by_hash, hashed(token)), now()
        if row is None or row["expires_at"] <= moment:
            raise InvalidToken("The API token is not valid: it is wrong, revoked or expired.")
        if row["disabled_at"]:
            raise AccountDisabled()
        if row["last_used_at"] is None or moment - row["last_used_at"] > NOTE_USE_AFTER:
            await self._database.write(api_tokens.use, row["id"], moment)
        scopes = TOKEN_SCOPES & set(row["scopes"].split())
        return Caller(row["user_id"], frozenset(scopes), token_id=row["id"])

    @contextmanager
    def watching(self, caller: Caller) -> Iterator[Watch]:
        """Watch whether the caller may still be served, for as long as the block takes."""
        watch = Watch(caller)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def look(self) -> None:
        """Look after those who are watched, until cancelled; a database that is away ends none."""
        while True:
            with suppress(DatabaseUnavailable):
                await self._look_once()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look_once(self) -> None:
        watched, moment = list(self._watches), now()
        by_session = {w.caller.session_id for w in watched if w.caller.session_id}
        by_token = {w.caller.token_id for w in watched if w.caller.token_id}
        living: set[UUID] = set()
        if by_session:
            living |= await self._database.read(sessions.living, by_session, moment)
        if by_token:
            living |= await self._database.read(api_tokens.living, by_token, moment)
        for watch in watched:
            watch.over = (watch.caller.session_id or watch.caller.token_id) not in living
