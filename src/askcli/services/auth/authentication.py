"""Authentication: the caller that a token stands for, checked at each request.

By its first unit of work and in that one's transaction, so that a logout, a revoked token and a
disabled user take effect at once on every server.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.protocol import API_TOKEN_PREFIX
from askcli.errors import AccountDisabled, DatabaseUnavailable, InvalidToken, SessionEnded
from askcli.services import background
from askcli.services.auth.rotation import use_access_token
from askcli.services.auth.tokens import Login, Tokens, hash_token
from askcli.services.clock import now
from askcli.store.database import Database, admission, pool
from askcli.store.database.admission import Admission, Unsettled
from askcli.store.queries import api_tokens, sessions

# Scopes of API tokens, and those of a login besides.
TOKEN_SCOPES = frozenset({"ask", "read"})
ALL_SCOPES = TOKEN_SCOPES | {"account"}

MAX_REMEMBERED = 10_000
# `last_used_at` of an API token is that coarse: a write for each request would be too many.
LAST_USED_RESOLUTION = timedelta(minutes=1)
# How long after a use it is stored at most, and the pause after a write that has failed.
USES_SECONDS, BACK_OFF_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who makes a request, by a session or by an API token of theirs."""

    user_id: UUID
    scopes: frozenset[str]
    session_id: UUID | None = None
    token_id: UUID | None = None


class Authentication:
    """Authenticates callers."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        # Of API tokens that were valid: what they claim until they are checked again.
        self._callers: dict[str, Caller] = {}
        # Hashes of API tokens whose last use is to be stored; the store's threads add to it.
        self._used = set[str]()

    async def run(self) -> None:
        """Store when API tokens were last used, until cancelled.

        Apart from their requests, which it neither delays nor fails: what is stored can be read
        where nothing can be written.
        """
        await background.repeat(self._store_uses, USES_SECONDS)

    async def claim(self, token: str) -> Caller:
        """Return whom a token names, to be checked by the request's first unit of work.

        An access token names its caller by its signature, an API token if it was valid before; one
        that is not known is checked at once. Raises InvalidToken, TokenExpired or AccountDisabled,
        as the check does, which raises SessionEnded too.
        """
        if token.startswith(API_TOKEN_PREFIX):
            return await self._claim_by_api_token(hash_token(token))
        login, generation = self._tokens.verify(token)
        pool.take_turns_as(str(login.user_id))
        use = partial(self._use_access_token, login, generation)
        admission.bind(Admission(partial(_check_session, login=login, generation=generation), use))
        return Caller(login.user_id, ALL_SCOPES, session_id=login.session_id)

    async def confirm(self) -> None:
        """Check the caller of the current request now, if no unit of work has done so yet."""
        await self._database.check_caller()

    def forget(self, token_id: UUID) -> None:
        """Take no claim of this API token any more: it is checked at once, as if it were new."""
        for token_hash, caller in self._callers.copy().items():
            if caller.token_id == token_id:
                self._callers.pop(token_hash, None)

    async def _use_access_token(self, login: Login, generation: int) -> None:
        """Note that the token's generation is in use: one write for each rotation."""
        if error := await self._database.write(use_access_token, login, generation):
            raise error

    async def _claim_by_api_token(self, token_hash: str) -> Caller:
        caller = self._callers.get(token_hash)
        if caller:
            pool.take_turns_as(str(caller.user_id))
        checked: list[Caller] = []
        check = partial(self._check_api_token, token_hash=token_hash, checked=checked)
        admission.bind(Admission(check))
        if caller is None:
            await self.confirm()
            caller = checked[-1]
            pool.take_turns_as(str(caller.user_id))
        return caller

    def _check_api_token(
        self, connection: Connection, token_hash: str, checked: list[Caller]
    ) -> None:
        row, timestamp = api_tokens.by_hash(connection, token_hash), now()
        if row is None or row["expires_at"] <= timestamp:
            self._callers.pop(token_hash, None)  # whoever has it now takes no turns of its user
            raise InvalidToken("The API token is not valid: it is wrong, revoked or expired.")
        if row["disabled_at"]:
            raise AccountDisabled()
        scopes = frozenset(TOKEN_SCOPES & set(row["scopes"].split()))
        caller = Caller(row["user_id"], scopes, token_id=row["id"])
        checked[:] = [caller]
        self._remember(token_hash, caller)
        last_used_at = row["last_used_at"]
        if last_used_at is None or abs(timestamp - last_used_at) > LAST_USED_RESOLUTION:
            self._used.add(token_hash)

    async def _store_uses(self) -> None:
        while self._used:
            try:
                await self._database.write(api_tokens.use, self._used.pop(), now())
            except DatabaseUnavailable:
                await asyncio.sleep(BACK_OFF_SECONDS)

    def _remember(self, token_hash: str, caller: Caller) -> None:
        if len(self._callers) >= MAX_REMEMBERED:
            self._callers.clear()
        self._callers[token_hash] = caller


def _check_session(connection: Connection, login: Login, generation: int) -> None:
    session = sessions.live_with_token(connection, login.session_id, generation, now())
    if session is None or session.user_id != login.user_id:
        raise SessionEnded()
    if session.disabled_at:
        raise AccountDisabled()
    if session.superseded_at or generation > session.used_generation:
        raise Unsettled
