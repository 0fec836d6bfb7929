"""Sessions: a login opens one, refresh rotates its token, logout ends it at once everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from askcli.contract import Session, User
from askcli.contract import Tokens as TokensShape
from askcli.errors import (
    AccountDisabled,
    AskcliError,
    InvalidCredentials,
    InvalidToken,
    NotFound,
    SessionEnded,
)
from askcli.services.audit import note
from askcli.services.auth.rate_limits import Limits
from askcli.services.auth.tokens import Login, Tokens, hashed, random_token
from askcli.services.clock import new_id, now
from askcli.services.request_info import Visit
from askcli.services.shapes import as_session, as_user
from askcli.store import sessions, users
from askcli.store.database import Database


class Sessions:
    """Who is logged in."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        limits: Limits,
        *,
        refresh_life: timedelta,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._limits = limits
        self._refresh_life = refresh_life
        self._grace = grace

    async def open(self, user: RowMapping, visit: Visit) -> TokensShape:
        """Start a session for a user who has just shown that they know their password.

        Raises InvalidCredentials or AccountDisabled for who was changed at this very moment.
        """
        refresh_token = random_token()
        login = await self._database.write(self._open, user, refresh_token, visit)
        return self._shape(login, refresh_token, as_user(user))

    def _open(
        self, connection: Connection, user: RowMapping, refresh_token: str, visit: Visit
    ) -> Login:
        moment = now()
        check_unchanged(connection, user)
        session: dict[str, Any] = {
            "id": new_id(),
            "user_id": user["id"],
            "client": visit.client[:200],
            "network": visit.network,
            "created_at": moment,
            "last_used_at": moment,
            "expires_at": moment + self._refresh_life,
        }
        sessions.add(connection, session, hashed(refresh_token), moment)
        note(connection, "login", visit, user_id=user["id"], session_id=session["id"])
        return Login(user["id"], session["id"])

    async def refresh(self, refresh_token: str, visit: Visit) -> TokensShape:
        """Rotate a refresh token.

        Raises InvalidToken for one that was never given out, RateLimited, and SessionEnded when
        its session is over, also because the token had been used before the grace: then it may
        be a thief's.
        """
        address = self._limits.address(visit)
        self._limits.check(visit, address)
        await self._database.write(self._limits.take, visit, address)
        rotated = await self._database.write(self._rotate, refresh_token, visit)
        if isinstance(rotated, AskcliError):
            raise rotated
        login, successor, user = rotated
        return self._shape(login, successor, user)

    def _rotate(
        self, connection: Connection, refresh_token: str, visit: Visit
    ) -> tuple[Login, str, User] | AskcliError:
        """An error is returned where what it did must be committed all the same."""
        moment, old = now(), hashed(refresh_token)
        owner = sessions.owner_of(connection, old)
        if owner is None:
            raise InvalidToken("The refresh token is not valid; log in again.")
        login = Login(*owner)
        user = still_open(connection, login)
        self._limits.take(connection, visit, self._limits.refresh(str(login.session_id)))
        first = sessions.use_token(connection, old, moment)
        used_at = sessions.used_at(connection, old)
        late = not first and used_at is not None and moment - used_at > self._grace
        successor = None if late else self._successor(connection, login, refresh_token, first)
        if successor is None:
            sessions.end(connection, login.user_id, login.session_id, moment)
            _note(connection, "reuse", visit, login)
            return SessionEnded()
        _note(connection, "rotated" if first else "rotated_again", visit, login)
        return login, successor, as_user(user)

    def _successor(
        self, connection: Connection, login: Login, refresh_token: str, first: bool
    ) -> str | None:
        """The next refresh token: made the first time, the same one at a retry."""
        moment, possible = now(), self._tokens.successors(refresh_token)
        if first:
            sessions.add_token(connection, login.session_id, hashed(possible[0]), moment)
            sessions.renew(connection, login.session_id, moment, moment + self._refresh_life)
            return possible[0]
        known = (token for token in possible if sessions.has_token(connection, hashed(token)))
        return next(known, None)

    async def end(self, user_id: UUID, session_id: UUID, visit: Visit) -> None:
        """End a session of the user's. Raises NotFound."""
        if not await self._database.write(self._end, user_id, session_id, visit):
            raise NotFound("session")

    async def end_all(self, user_id: UUID, visit: Visit) -> None:
        """End all sessions of the user."""
        await self._database.write(self._end_all, user_id, visit)

    async def of_user(self, user_id: UUID, current: UUID | None) -> list[Session]:
        """The user's live sessions, the newest first."""
        rows = await self._database.read(sessions.of_user, user_id, now())
        return [as_session(row, is_current=row["id"] == current) for row in rows]

    def _end(self, connection: Connection, user_id: UUID, session_id: UUID, visit: Visit) -> bool:
        ended = sessions.end(connection, user_id, session_id, now())
        if ended:
            _note(connection, "logout", visit, Login(user_id, session_id))
        return ended

    def _end_all(self, connection: Connection, user_id: UUID, visit: Visit) -> None:
        ended = sessions.end_all(connection, user_id, now())
        note(connection, "logout", visit, user_id=user_id, detail=f"all {ended} sessions")

    def _shape(self, login: Login, refresh_token: str, user: User) -> TokensShape:
        return TokensShape(
            access_token=self._tokens.access(login, now()),
            refresh_token=refresh_token,
            token_type="Bearer",  # noqa: S106 - the contract's word
            expires_in=self._tokens.life_seconds,
            user=user,
        )


def still_open(connection: Connection, login: Login) -> RowMapping:
    """The session's user, held: what ends it waits until this transaction is over.

    The user is locked before anything of theirs, here and wherever more than one row changes, so
    that no two transactions wait for each other. Raises SessionEnded or AccountDisabled.
    """
    user = users.lock(connection, login.user_id)
    session = sessions.live(connection, login.session_id, now())
    if user is None or session is None or session["user_id"] != login.user_id:
        raise SessionEnded()
    if user["disabled_at"]:
        raise AccountDisabled()
    return user


def check_unchanged(connection: Connection, user: RowMapping) -> None:
    """Hold a user whose password was right a moment ago, if it still is."""
    current = users.lock(connection, user["id"])
    if current is None or current["password_hash"] != user["password_hash"]:
        raise InvalidCredentials()
    if current["disabled_at"]:
        raise AccountDisabled()


def _note(connection: Connection, event: Any, visit: Visit, login: Login) -> None:
    note(connection, event, visit, user_id=login.user_id, session_id=login.session_id)
