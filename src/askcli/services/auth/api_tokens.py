"""API tokens for scripts: named, scoped, expiring; shown once and stored as a hash."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.protocol import API_TOKEN_PREFIX
from askcli.contract.shapes import ApiToken, NewApiToken
from askcli.errors import Conflict, NotFound
from askcli.services import audit
from askcli.services.auth.rate_limits import RateLimits
from askcli.services.auth.rotation import lock_user
from askcli.services.auth.tokens import Login, hash_token, random_token
from askcli.services.clock import new_id, now
from askcli.services.shapes import as_api_token
from askcli.store.database import Database
from askcli.store.queries import api_tokens

MAX_TOKENS_PER_USER = 100


class ApiTokens:
    """The users' API tokens."""

    def __init__(
        self, database: Database, limits: RateLimits, on_revoked: Callable[[UUID], None]
    ) -> None:
        """`on_revoked` is called with the id of each token that is revoked here."""
        self._database = database
        self._limits = limits
        self._on_revoked = on_revoked

    async def create(
        self, login: Login, name: str, scopes: Collection[str], days: int
    ) -> NewApiToken:
        """Create a token that expires after `days`.

        Raises Conflict when the user has too many that are valid, RateLimited for too many in a
        day, SessionEnded when the login has ended meanwhile.
        """
        user_id = login.user_id
        token = API_TOKEN_PREFIX + random_token()
        row = {
            "id": new_id(),
            "user_id": user_id,
            "name": name,
            "token_hash": hash_token(token),
            "scopes": " ".join(sorted(scopes)),
            "created_at": now(),
            "expires_at": now() + timedelta(days=days),
            "last_used_at": None,
        }

        def insert(connection: Connection) -> None:
            lock_user(connection, login)  # so that the count is right
            _make_room(connection, user_id)
            self._limits.take(connection, self._limits.new_tokens(user_id))
            api_tokens.add(connection, row)
            audit.record(connection, "token_created", user_id=user_id, detail=name)

        await self._database.write(insert)
        return NewApiToken(token=token, **as_api_token(row))

    async def of_user(self, user_id: UUID) -> list[ApiToken]:
        """Return the user's tokens, newest first."""
        return [as_api_token(row) for row in await self._database.read(api_tokens.of_user, user_id)]

    async def revoke(self, user_id: UUID, token_id: UUID) -> None:
        """End a token of the user. Raises NotFound."""

        def remove(connection: Connection) -> bool:
            removed = api_tokens.remove(connection, user_id, token_id)
            if removed:
                audit.record(connection, "token_revoked", user_id=user_id, detail=str(token_id))
            return removed

        if not await self._database.write(remove):
            raise NotFound("token")
        self._on_revoked(token_id)


def _make_room(connection: Connection, user_id: UUID) -> None:
    """Delete the user's expired tokens where there is no room for another. Raises Conflict."""
    if len(api_tokens.of_user(connection, user_id)) < MAX_TOKENS_PER_USER:
        return
    if not api_tokens.remove_expired(connection, user_id, now()):
        raise Conflict(f"There are {MAX_TOKENS_PER_USER} tokens already; revoke some.")
