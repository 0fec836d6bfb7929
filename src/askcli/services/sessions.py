"""Sessions: login makes one, refresh rotates its token, logout ends it at once everywhere."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract import Tokens as TokensShape
from askcli.contract import User
from askcli.errors import InvalidCredentials, InvalidToken, SessionEnded
from askcli.services.accounts import email_key
from askcli.services.clock import new_id, now
from askcli.services.passwords import Passwords
from askcli.services.rows import as_user
from askcli.services.tokens import Caller, Tokens, hashed, new_refresh_token
from askcli.store import sessions, users
from askcli.store.database import Database


class Sessions:
    """Who is logged in."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: Tokens,
        *,
        refresh_life: timedelta,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._refresh_life = refresh_life
        self._grace = grace

    async def login(self, email: str, password: str, client: str) -> TokensShape:
        """Start a session. Raises InvalidCredentials, alike for a wrong email and password."""
        user = await self._database.read(users.by_email, email_key(email))
        right = await self._passwords.matches(password, user["password_hash"] if user else None)
        if user is None or not right:
            raise InvalidCredentials("Wrong email or password.")
        moment, refresh_token = now(), new_refresh_token()
        session = {
            "id": new_id(),
            "user_id": user["id"],
            "client": client[:200],
            "created_at": moment,
            "last_used_at": moment,
            "expires_at": moment + self._refresh_life,
        }
        await self._database.write(sessions.add, session, hashed(refresh_token), moment)
        return self._shape(Caller(user["id"], session["id"]), refresh_token, as_user(user))

    async def refresh(self, refresh_token: str) -> TokensShape:
        """Rotate a refresh token.

        Raises InvalidToken for one that was never given out, SessionEnded when its session is
        over, also because the token had been used before the grace: then it may be a thief's.
        """
        successor = self._tokens.successor(refresh_token)
        rotated = await self._database.write(self._rotate, refresh_token, successor)
        if rotated is None:
            raise SessionEnded("The session has ended; log in again.")
        caller, user = rotated
        return self._shape(caller, successor, user)

    def _rotate(
        self, connection: Connection, refresh_token: str, successor: str
    ) -> tuple[Caller, User] | None:
        """None means ended; it commits all the same, because ending may have been its doing."""
        moment, old = now(), hashed(refresh_token)
        first = sessions.use_token(connection, old, moment)
        row = sessions.token(connection, old)
        if row is None:
            raise InvalidToken("The refresh token is not valid; log in again.")
        session = sessions.live(connection, row["session_id"], moment)
        if session is None:
            return None
        if first:
            sessions.add_token(connection, session["id"], hashed(successor), moment)
            sessions.renew(connection, session["id"], moment, moment + self._refresh_life)
        elif moment - row["used_at"] > self._grace or not sessions.token(
            connection, hashed(successor)
        ):
            sessions.end(connection, session["id"], moment)
            return None
        user = users.by_id(connection, session["user_id"])
        return (Caller(session["user_id"], session["id"]), as_user(user)) if user else None

    async def authenticate(self, access_token: str) -> Caller:
        """Who is calling. Raises InvalidToken, TokenExpired or SessionEnded."""
        caller = self._tokens.caller(access_token)
        session = await self._database.read(sessions.live, caller.session_id, now())
        if session is None or session["user_id"] != caller.user_id:
            raise SessionEnded("The session has ended; log in again.")
        return caller

    async def logout(self, session_id: UUID) -> None:
        """End the session."""
        await self._database.write(sessions.end, session_id, now())

    def _shape(self, caller: Caller, refresh_token: str, user: User) -> TokensShape:
        return TokensShape(
            access_token=self._tokens.access(caller, now()),
            refresh_token=refresh_token,
            token_type="Bearer",  # noqa: S106 - the contract's word
            expires_in=self._tokens.life_seconds,
            user=user,
        )
