"""API tokens for scripts: named, scoped, expiring; shown once and kept as a digest."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract import API_TOKEN_PREFIX, ApiToken, NewApiToken
from askcli.errors import Conflict, NotFound
from askcli.services.audit import note
from askcli.services.auth.sessions import still_open
from askcli.services.auth.tokens import Login, hashed, random_token
from askcli.services.clock import new_id, now
from askcli.services.request_info import Visit
from askcli.services.shapes import as_api_token
from askcli.store import api_tokens
from askcli.store.database import Database

MAX_TOKENS = 100  # a user's


class ApiTokens:
    """The users' tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, login: Login, name: str, scopes: Collection[str], days: int, visit: Visit
    ) -> NewApiToken:
        """Make a token, good for so many days.

        Raises Conflict when there are too many, SessionEnded when the login has ended meanwhile.
        """
        user_id = login.user_id
        token = API_TOKEN_PREFIX + random_token()
        row = {
            "id": new_id(),
            "user_id": user_id,
            "name": name,
            "token_hash": hashed(token),
            "scopes": " ".join(sorted(scopes)),
            "created_at": now(),
            "expires_at": now() + timedelta(days=days),
            "last_used_at": None,
        }

        def add(connection: Connection) -> None:
            still_open(connection, login)  # and the user held, so that the count is right
            if len(api_tokens.of_user(connection, user_id)) >= MAX_TOKENS:
                raise Conflict(f"There are {MAX_TOKENS} tokens already; revoke some.")
            api_tokens.add(connection, row)
            note(connection, "token_created", visit, user_id=user_id, detail=name)

        await self._database.write(add)
        return NewApiToken(token=token, **as_api_token(row))

    async def of_user(self, user_id: UUID) -> list[ApiToken]:
        """The user's tokens, the newest first."""
        return [as_api_token(row) for row in await self._database.read(api_tokens.of_user, user_id)]

    async def revoke(self, user_id: UUID, token_id: UUID, visit: Visit) -> None:
        """End a token of the user's. Raises NotFound."""

        def remove(connection: Connection) -> bool:
            found = api_tokens.remove(connection, user_id, token_id)
            if found:
                note(connection, "token_revoked", visit, user_id=user_id, detail=str(token_id))
            return found

        if not await self._database.write(remove):
            raise NotFound("token")
