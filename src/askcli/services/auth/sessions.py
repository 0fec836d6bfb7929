"""Sessions: opened by a login, refreshed by rotating their token, ended at once on every server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.shapes import Session, User
from askcli.contract.shapes import Tokens as TokensShape
from askcli.errors import AccountDisabled, AskcliError, Interrupted, InvalidCredentials, NotFound
from askcli.services import audit, request_info
from askcli.services.auth.rate_limits import RateLimits
from askcli.services.auth.rotation import Rotated, Rotation
from askcli.services.auth.tokens import Login, Tokens, hash_token, random_token
from askcli.services.clock import new_id, now
from askcli.services.shapes import as_session, as_user
from askcli.store import deadline
from askcli.store.database import Database, pool, shared_clock
from askcli.store.prepared import Record
from askcli.store.queries import open_sessions, sessions, users

MAX_CLIENT_CHARACTERS = 200

# Of a user. A script may log in at each run, and never out; all are listed in one response.
MOST_SESSIONS = 1000
# Each guess at the password looks through them: how long that takes tells of the account. There are
# more only while they have more refresh tokens than logins delete.
MOST_ENDED = 1000
AT_ONCE = 100  # ended and deleted by a login, of those beyond
TOKENS_AT_ONCE = 500  # of these
# For a refresh. A client waits 8 s for it, and repeats it elsewhere: carried out later, by a
# process that was paused, it would look like theft.
REFRESH_SECONDS = 7.0


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
        self._rotation = Rotation(tokens, limits, refresh_life, grace)

    async def open(self, user: Record) -> TokensShape:
        """Start a session for a user whose password was just verified.

        It takes the place of the one that is unused for the longest, where the user has
        `MOST_SESSIONS`. Raises InvalidCredentials or AccountDisabled when the account was changed
        meanwhile.
        """
        refresh_token = random_token()
        login = await self._database.write(self._open, user, refresh_token)
        return self._shape(login, refresh_token, 0, as_user(user))

    def _open(self, connection: Connection, user: Record, refresh_token: str) -> Login:
        timestamp, request = shared_clock.now(connection), request_info.current()
        check_unchanged(connection, user)
        ended = open_sessions.end_beyond(
            connection, user["id"], MOST_SESSIONS - 1, AT_ONCE, timestamp
        )
        open_sessions.remove_ended_beyond(
            connection, user["id"], MOST_ENDED, AT_ONCE, TOKENS_AT_ONCE
        )
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
        detail = f"{ended} unused sessions ended" if ended else None
        audit.record(
            connection, "login", user_id=user["id"], session_id=session["id"], detail=detail
        )
        return Login(user["id"], session["id"])

    async def refresh(
        self, refresh_token: str, is_client_gone: Callable[[], Awaitable[bool]]
    ) -> TokensShape:
        """Rotate a refresh token, or repeat its rotation, whose response may have been lost.

        Raises InvalidToken for one that was never issued, RateLimited, and SessionEnded when its
        session is over, also because this use of the token shows that it was stolen. Nothing is
        rotated or ended for a client that is gone: Interrupted.

        The limits of addresses are on guesses. A token of a live session has its session's limit,
        so that nobody else at the address or its site can use it up.
        """
        with deadline.within(REFRESH_SECONDS):
            rotated = await self._rotated(refresh_token, is_client_gone)
        if isinstance(rotated, AskcliError):
            raise rotated
        return self._shape(rotated.login, rotated.successor, rotated.generation, rotated.user)

    async def _rotated(
        self, refresh_token: str, is_client_gone: Callable[[], Awaitable[bool]]
    ) -> Rotated | AskcliError:
        session = await self._database.read(
            sessions.live_of_token, hash_token(refresh_token), now()
        )
        if session is None:
            addresses = self._limits.addresses()
            self._limits.check(*addresses)
            await self._database.write(self._limits.take, *addresses)
        else:
            pool.take_turns_as(str(session["user_id"]))
            self._limits.check(*self._limits.refreshes(session["id"], session["user_id"]))
        # After a read, so that the end of the connection has been seen: a process that was paused
        # finds requests in its sockets that are older than its own deadline.
        if await is_client_gone():
            raise Interrupted("The client has closed the connection; nothing was changed.")
        return await self._database.write(self._rotation.rotate, refresh_token)

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
        ended = sessions.end(connection, user_id, session_id, shared_clock.now(connection))
        if ended:
            audit.record(connection, "logout", user_id=user_id, session_id=session_id)
        return ended

    def _end_all(self, connection: Connection, user_id: UUID) -> None:
        ended = sessions.end_all(connection, user_id, shared_clock.now(connection))
        audit.record(connection, "logout", user_id=user_id, detail=f"all {ended} sessions")

    def _shape(self, login: Login, refresh_token: str, generation: int, user: User) -> TokensShape:
        return TokensShape(
            access_token=self._tokens.access(login, generation, now()),
            refresh_token=refresh_token,
            token_type="Bearer",  # noqa: S106 - the contract's word
            expires_in=self._tokens.life_seconds,
            user=user,
        )


def check_unchanged(connection: Connection, user: Record) -> None:
    """Lock a user whose password was just verified. Raises InvalidCredentials if it has changed."""
    current = users.lock(connection, user["id"])
    if current is None or current["password_hash"] != user["password_hash"]:
        raise InvalidCredentials()
    if current["disabled_at"]:
        raise AccountDisabled()
