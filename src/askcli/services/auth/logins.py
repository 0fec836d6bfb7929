"""Logging in with a password, and changing it; every guess is counted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from askcli.contract.shapes import Tokens
from askcli.errors import (
    AccountDisabled,
    InvalidCredentials,
    RateLimited,
    SessionEnded,
    Unavailable,
)
from askcli.services import audit
from askcli.services.auth.accounts import email_key
from askcli.services.auth.login_limits import LoginLimits
from askcli.services.auth.passwords import Passwords
from askcli.services.auth.rate_limits import Limit
from askcli.services.auth.rotation import lock_user
from askcli.services.auth.sessions import Sessions, check_unchanged
from askcli.services.auth.tokens import Login
from askcli.services.clock import now
from askcli.store.database import Database
from askcli.store.prepared import Record
from askcli.store.queries import api_tokens, sessions, users


class Logins:
    """Starts sessions for passwords."""

    def __init__(
        self, database: Database, passwords: Passwords, sessions: Sessions, limits: LoginLimits
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
        try:
            return await self._sessions.open(user)
        except (AccountDisabled, InvalidCredentials):
            detail = "the password was right, but the account is disabled or was changed meanwhile"
            await self._database.write(_record, "login_failed", user, detail)
            raise

    async def change_password(self, login: Login, old: str, new: str, *, keep_tokens: bool) -> None:
        """Change the password and end the user's other sessions, and API tokens unless kept.

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
            revoked = 0 if keep_tokens else api_tokens.remove_all(connection, login.user_id)
            detail = f"{revoked} tokens revoked"
            audit.record(connection, "password_changed", user_id=login.user_id, detail=detail)

        await self._database.write(change)

    async def _verified_user(self, email: str, password: str) -> Record:
        """Return the user of an email and password; each guess is counted, a wrong one audited.

        The same database statements for an email without an account.
        """
        account = email_key(email)
        taken = await self._count(account)
        user = await self._database.read(users.by_email, account)
        if not await self._matches(password, user, taken) or user is None:
            await self._database.write(_record, "login_failed", user)
            raise InvalidCredentials()
        await self._database.write(self._limits.succeeded, account, taken)
        return user

    async def _count(self, account: str) -> list[Limit]:
        self._limits.check(account)
        await self._database.read(self._limits.check_site, account)
        try:
            return await self._database.write(self._limits.take, account)
        except RateLimited:
            # Audited when it begins; most refusals that follow do not reach the database.
            user = await self._database.read(users.by_email, account)
            await self._database.write(_record, "login_limited", user)
            raise

    async def _matches(self, password: str, user: Record | None, taken: list[Limit]) -> bool:
        password_hash = user["password_hash"] if user else None
        try:
            return await self._passwords.matches(password, password_hash)
        except Unavailable:
            await self._database.write(self._limits.give_back, taken)
            raise


def _record(
    connection: Connection, event: Any, user: Record | None, detail: str | None = None
) -> None:
    audit.record(connection, event, user_id=user["id"] if user else None, detail=detail)
