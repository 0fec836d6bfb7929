"""Logging in with a password, and changing it; every guess is counted."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from askcli.contract.shapes import Tokens
from askcli.errors import (
    AccountDisabled,
    InvalidCredentials,
    RateLimited,
    SessionEnded,
    Unavailable,
)
from askcli.services import audit, request_info
from askcli.services.auth.accounts import email_key
from askcli.services.auth.passwords import Passwords
from askcli.services.auth.rate_limits import LoginAttempt, RateLimits
from askcli.services.auth.sessions import Sessions, check_unchanged, lock_user
from askcli.services.auth.tokens import Login
from askcli.services.clock import now
from askcli.store import sessions, users
from askcli.store.database import Database


class Logins:
    """Starts sessions for passwords."""

    def __init__(
        self, database: Database, passwords: Passwords, sessions: Sessions, limits: RateLimits
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._limits = limits

    async def login(self, email: str, password: str) -> Tokens:
        """Start a session.

        Raises InvalidCredentials, the same for a wrong email and a wrong password; RateLimited;
        AccountDisabled, once the password was right.
        """
        user = await self._verified_user(email, password)
        if user["disabled_at"]:
            raise AccountDisabled()
        return await self._sessions.open(user)

    async def change_password(self, login: Login, old: str, new: str) -> None:
        """Change the password and end the user's other sessions.

        Raises InvalidCredentials for a wrong old one, RateLimited as a login does, and
        InvalidInput for a new one that may not be used.
        """
        row = await self._database.read(users.by_id, login.user_id)
        if row is None:
            raise SessionEnded("The account is gone.")
        user = await self._verified_user(row["email"], old)
        password_hash = await self._passwords.hash(new, row["email"])

        def change(connection: Connection) -> None:
            check_unchanged(connection, user)  # the host may have set another one meanwhile
            lock_user(connection, login)
            users.change(connection, login.user_id, password_hash=password_hash)
            sessions.end_all(connection, login.user_id, now(), besides=login.session_id)
            audit.record(connection, "password_changed", user_id=login.user_id)

        await self._database.write(change)

    async def _verified_user(self, email: str, password: str) -> RowMapping:
        """Return the user of an email and password; each guess is counted, a wrong one audited."""
        account = email_key(email)
        user = await self._database.read(users.by_email, account)
        attempt = LoginAttempt(account, await self._from_known_network(user))
        await self._count(attempt, user)
        if not await self._matches(password, attempt, user) or user is None:
            user_id = user["id"] if user else None
            await self._database.write(audit.record, "login_failed", user_id=user_id)
            raise InvalidCredentials()
        await self._database.write(self._limits.login_succeeded, attempt)
        return user

    async def _from_known_network(self, user: RowMapping | None) -> bool:
        network = request_info.current().network
        if user is None or network is None:
            return False
        return await self._database.read(sessions.has_network, user["id"], network)

    async def _count(self, attempt: LoginAttempt, user: RowMapping | None) -> None:
        limits = self._limits
        limits.check(limits.address(), limits.account_and_network(attempt.account))
        try:
            await self._database.write(limits.take_login, attempt)
        except RateLimited:
            # Audited when it begins; most refusals that follow do not reach the database.
            user_id = user["id"] if user else None
            await self._database.write(audit.record, "login_limited", user_id=user_id)
            raise

    async def _matches(self, password: str, attempt: LoginAttempt, user: RowMapping | None) -> bool:
        password_hash = user["password_hash"] if user else None
        try:
            return await self._passwords.matches(password, password_hash)
        except Unavailable:
            await self._database.write(self._limits.login_not_tried, attempt)
            raise
