"""Sessions: opened by a login, refreshed by rotating their token, ended at once on every server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from askcli.contract.shapes import Session, User
from askcli.contract.shapes import Tokens as TokensShape
from askcli.errors import (
    AccountDisabled,
    AskcliError,
    InvalidCredentials,
    InvalidToken,
    NotFound,
    SessionEnded,
)
from askcli.services import audit, request_info
from askcli.services.auth.rate_limits import RateLimits
from askcli.services.auth.tokens import Login, Tokens, hash_token, random_token
from askcli.services.clock import new_id, now
from askcli.services.shapes import as_session, as_user
from askcli.store import sessions, users
from askcli.store.database import Database

MAX_CLIENT_CHARACTERS = 200


class Sessions:
    """The users' sessions."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        limits: RateLimits,
        *,
        refresh_life: timedelta,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._limits = limits
        self._refresh_life = refresh_life
        self._grace = grace

    async def open(self, user: RowMapping) -> TokensShape:
        """Start a session for a user whose password was just verified.

        Raises InvalidCredentials or AccountDisabled when the account was changed meanwhile.
        """
        refresh_token = random_token()
        login = await self._database.write(self._open, user, refresh_token)
        return self._shape(login, refresh_token, 0, as_user(user))

    def _open(self, connection: Connection, user: RowMapping, refresh_token: str) -> Login:
        timestamp, request = now(), request_info.current()
        check_unchanged(connection, user)
        session: dict[str, Any] = {
            "id": new_id(),
            "user_id": user["id"],
            "client": request.client[:MAX_CLIENT_CHARACTERS],
            "network": request.network,
            "created_at": timestamp,
            "last_used_at": timestamp,
            "expires_at": timestamp + self._refresh_life,
        }
        sessions.add(connection, session, hash_token(refresh_token), timestamp)
        audit.record(connection, "login", user_id=user["id"], session_id=session["id"])
        return Login(user["id"], session["id"])

    async def refresh(self, refresh_token: str) -> TokensShape:
        """Rotate a refresh token.

        Raises InvalidToken for one that was never issued, RateLimited, and SessionEnded when its
        session is over. A used token gives the same successor again until that was used, by itself
        or by an access token issued with it, and for the grace period; after both its use ends the
        session: the token may be stolen.
        """
        address = self._limits.address()
        self._limits.check(address)
        await self._database.write(self._limits.take, address)
        rotated = await self._database.write(self._rotate, refresh_token)
        if isinstance(rotated, AskcliError):
            raise rotated
        return self._shape(*rotated)

    def _rotate(
        self, connection: Connection, refresh_token: str
    ) -> tuple[Login, str, int, User] | AskcliError:
        """Return an error, not raise it, where its transaction must be committed all the same."""
        token_hash = hash_token(refresh_token)
        token = sessions.token(connection, token_hash)
        if token is None:
            raise InvalidToken("The refresh token is not valid; log in again.")
        login = Login(token["user_id"], token["session_id"])
        user = lock_user(connection, login)
        self._limits.take(connection, self._limits.refresh(str(login.session_id)))
        is_first = sessions.use_token(connection, token_hash, now())
        if is_first:
            successor: str | None = self._create_successor(connection, token, refresh_token)
        else:
            successor = self._same_successor(connection, refresh_token)
        if successor is None:
            sessions.end(connection, login.user_id, login.session_id, now())
            _record(connection, "reuse", login)
            return SessionEnded()
        _record(connection, "rotated" if is_first else "rotated_again", login)
        return login, successor, token["generation"] + 1, as_user(user)

    def _create_successor(
        self, connection: Connection, token: RowMapping, refresh_token: str
    ) -> str:
        """Return a new refresh token, and note that the generation before it is in use."""
        successor, timestamp = self._tokens.successors(refresh_token)[0], now()
        session_id, generation = token["session_id"], token["generation"]
        sessions.use_generation(connection, session_id, generation)
        sessions.add_token(connection, session_id, hash_token(successor), generation + 1, timestamp)
        sessions.renew(connection, session_id, timestamp, timestamp + self._refresh_life)
        return successor

    def _same_successor(self, connection: Connection, refresh_token: str) -> str | None:
        """Return the successor of a used token once more, None if that is reuse of the token."""
        token = sessions.token(connection, hash_token(refresh_token))  # as it is under the lock
        if token is None or token["used_at"] is None:
            return None
        # A time in the future is that of a clock that was ahead: no grace until it has passed.
        is_late = abs(now() - token["used_at"]) > self._grace
        if is_late and token["used_generation"] > token["generation"]:
            return None
        candidates = self._tokens.successors(refresh_token)
        issued = (t for t in candidates if sessions.token(connection, hash_token(t)))
        return next(issued, None)

    async def end(self, user_id: UUID, session_id: UUID) -> None:
        """End a session of the user. Raises NotFound."""
        if not await self._database.write(self._end, user_id, session_id):
            raise NotFound("session")

    async def end_all(self, user_id: UUID) -> None:
        """End all sessions of the user."""
        await self._database.write(self._end_all, user_id)

    async def of_user(self, user_id: UUID, current: UUID | None) -> list[Session]:
        """Return the user's live sessions, newest first."""
        rows = await self._database.read(sessions.of_user, user_id, now())
        return [as_session(row, is_current=row["id"] == current) for row in rows]

    def _end(self, connection: Connection, user_id: UUID, session_id: UUID) -> bool:
        ended = sessions.end(connection, user_id, session_id, now())
        if ended:
            _record(connection, "logout", Login(user_id, session_id))
        return ended

    def _end_all(self, connection: Connection, user_id: UUID) -> None:
        ended = sessions.end_all(connection, user_id, now())
        audit.record(connection, "logout", user_id=user_id, detail=f"all {ended} sessions")

    def _shape(self, login: Login, refresh_token: str, generation: int, user: User) -> TokensShape:
        return TokensShape(
            access_token=self._tokens.access(login, generation, now()),
            refresh_token=refresh_token,
            token_type="Bearer",  # noqa: S106 - the contract's word
            expires_in=self._tokens.life_seconds,
            user=user,
        )


def lock_user(connection: Connection, login: Login) -> RowMapping:
    """Lock and return the user of a live session; what would end it waits for this transaction.

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
    """Lock a user whose password was just verified. Raises InvalidCredentials if it has changed."""
    current = users.lock(connection, user["id"])
    if current is None or current["password_hash"] != user["password_hash"]:
        raise InvalidCredentials()
    if current["disabled_at"]:
        raise AccountDisabled()


def _record(connection: Connection, event: Any, login: Login) -> None:
    audit.record(connection, event, user_id=login.user_id, session_id=login.session_id)
