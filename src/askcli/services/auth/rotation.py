"""Rotation of refresh tokens: their successors, and what shows that one was stolen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from askcli.contract.shapes import User
from askcli.errors import (
    AccountDisabled,
    AskcliError,
    InvalidToken,
    SessionEnded,
    Unavailable,
)
from askcli.services import audit
from askcli.services.auth.rate_limits import RateLimits
from askcli.services.auth.tokens import Login, Tokens, hash_token
from askcli.services.shapes import as_user
from askcli.store.database import shared_clock
from askcli.store.prepared import Record
from askcli.store.queries import sessions, users

RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Rotated:
    """The refresh token that follows the one that was rotated, with its generation."""

    login: Login
    user: User
    successor: str
    generation: int


class Rotation:
    """Rotates refresh tokens.

    A used token gives its successor again for the grace period, which begins anew each time as long
    as that one was not used, by itself or by an access token issued with it. After it, the token
    gives another successor if that is so; the one before is superseded. Any other use of a used
    token, and any use of a superseded one, ends the session: one of its two users has stolen it.

    Times are the database's: the one before may be of another server.
    """

    def __init__(
        self, tokens: Tokens, limits: RateLimits, refresh_life: timedelta, grace: timedelta
    ) -> None:
        self._tokens = tokens
        self._limits = limits
        self._refresh_life = refresh_life
        self._grace = grace

    def rotate(self, connection: Connection, refresh_token: str) -> Rotated | AskcliError:
        """Return an error, not raise it, where its transaction must be committed all the same.

        Raises InvalidToken, SessionEnded, AccountDisabled, RateLimited or Unavailable otherwise.
        """
        token_hash = hash_token(refresh_token)
        token = sessions.token(connection, token_hash)
        if token is None:
            raise InvalidToken("The refresh token is not valid; log in again.")
        login = Login(token["user_id"], token["session_id"])
        user = lock_user(connection, login)
        self._limits.take(connection, *self._limits.refreshes(login.session_id, login.user_id))
        token = sessions.token(connection, token_hash)  # as it is under the lock
        timestamp = shared_clock.now(connection)
        successor = token and self._successor(connection, token, refresh_token, timestamp)
        if token is None or successor is None:
            return end_stolen(connection, login)
        _record(connection, "rotated_again" if token["used_at"] else "rotated", login)
        return Rotated(login, as_user(user), *successor)

    def _successor(
        self, connection: Connection, token: Record, refresh_token: str, timestamp: datetime
    ) -> tuple[str, int] | None:
        """Return the successor of a token and its generation, None for a stolen token."""
        if token["superseded_at"]:
            return None
        if token["used_at"] is None:
            generation = token["generation"] + 1
            return self._create(connection, token, refresh_token, generation, timestamp)
        latest = sessions.successor(connection, token["session_id"], token["generation"])
        if latest is None:
            return None
        is_in_use = token["used_generation"] > token["generation"]
        # A time in the future is that of a clock that was ahead: no grace until it has passed.
        if abs(timestamp - token["used_at"]) <= self._grace:
            repeated = self._repeated(token, refresh_token, latest)
            if not is_in_use:  # it is on its way once more
                sessions.use_token(connection, token["token_hash"], timestamp)
            return repeated
        if is_in_use:
            return None
        sessions.supersede_token(connection, latest["token_hash"], timestamp)
        generation = latest["generation"] + 1
        return self._create(connection, token, refresh_token, generation, timestamp)

    def _repeated(self, token: Record, refresh_token: str, latest: Record) -> tuple[str, int]:
        """Return the latest successor again, and its generation.

        Raises Unavailable where another server has derived it with a secret that is not set here:
        secrets are changed on one server after the other.
        """
        for successor in self._candidates(token, refresh_token, latest["generation"]):
            if hash_token(successor) == latest["token_hash"]:
                return successor, latest["generation"]
        raise Unavailable(
            "Another server, whose JWT_SECRET is not known here, has refreshed this token.",
            retry_after=RETRY_AFTER_SECONDS,
        )

    def _create(
        self,
        connection: Connection,
        token: Record,
        refresh_token: str,
        generation: int,
        timestamp: datetime,
    ) -> tuple[str, int]:
        """Store a new successor, and that the token is in use."""
        successor = self._candidates(token, refresh_token, generation)[0]
        session_id = token["session_id"]
        sessions.use_token(connection, token["token_hash"], timestamp)
        sessions.use_generation(connection, session_id, token["generation"])
        sessions.add_token(connection, session_id, hash_token(successor), generation, timestamp)
        sessions.renew(connection, session_id, timestamp, timestamp + self._refresh_life)
        return successor, generation

    def _candidates(self, token: Record, refresh_token: str, generation: int) -> list[str]:
        return self._tokens.successors(refresh_token, generation - token["generation"] - 1)


def use_access_token(connection: Connection, login: Login, generation: int) -> SessionEnded | None:
    """Note that an access token of this generation is in use; return the error of a stolen one.

    Under the lock of a rotation, which supersedes a generation if and only if it is not in use.
    """
    lock_user(connection, login)
    session = sessions.live_with_token(
        connection, login.session_id, generation, shared_clock.now(connection)
    )
    if session and session.superseded_at:
        return end_stolen(connection, login)
    sessions.use_generation(connection, login.session_id, generation)
    return None


def end_stolen(connection: Connection, login: Login) -> SessionEnded:
    """End a session of which a token was stolen; return the error of its tokens."""
    sessions.end(connection, login.user_id, login.session_id, shared_clock.now(connection))
    _record(connection, "reuse", login)
    return SessionEnded()


def lock_user(connection: Connection, login: Login) -> Record:
    """Lock and return the user of a live session; what would end it waits for this transaction.

    The user is locked before anything of theirs, here and wherever more than one row changes, so
    that no two transactions wait for each other. Raises SessionEnded or AccountDisabled.
    """
    user = users.lock(connection, login.user_id)
    session = sessions.live(connection, login.session_id, shared_clock.now(connection))
    if user is None or session is None or session["user_id"] != login.user_id:
        raise SessionEnded()
    if user["disabled_at"]:
        raise AccountDisabled()
    return user


def _record(connection: Connection, event: Any, login: Login) -> None:
    audit.record(connection, event, user_id=login.user_id, session_id=login.session_id)
