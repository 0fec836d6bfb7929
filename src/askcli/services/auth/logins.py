"""Logins: who knows an account's password, and what guessing it meets."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from askcli.contract import Tokens
from askcli.errors import (
    AccountDisabled,
    InvalidCredentials,
    RateLimited,
    SessionEnded,
    Unavailable,
)
from askcli.services.audit import note
from askcli.services.auth.accounts import email_key
from askcli.services.auth.passwords import Passwords
from askcli.services.auth.rate_limits import Limits
from askcli.services.auth.sessions import Sessions, check_unchanged, still_open
from askcli.services.auth.tokens import Login
from askcli.services.clock import now
from askcli.services.request_info import Visit
from askcli.store import sessions, users
from askcli.store.database import Database


class Logins:
    """What an account's password opens."""

    def __init__(
        self, database: Database, passwords: Passwords, sessions: Sessions, limits: Limits
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._limits = limits

    async def login(self, email: str, password: str, visit: Visit) -> Tokens:
        """Start a session.

        Raises InvalidCredentials, alike for a wrong email and a wrong password, RateLimited, or
        AccountDisabled for who knows the password.
        """
        user = await self._who_knows(email, password, visit)
        if user["disabled_at"]:
            raise AccountDisabled()
        return await self._sessions.open(user, visit)

    async def change_password(self, login: Login, old: str, new: str, visit: Visit) -> None:
        """Change the password and end the user's other sessions.

        Raises InvalidCredentials for a wrong old one, RateLimited as a login does, and
        InvalidInput for a new one that may not be used.
        """
        row = await self._database.read(users.by_id, login.user_id)
        if row is None:
            raise SessionEnded("The account is gone.")
        user = await self._who_knows(row["email"], old, visit)
        password_hash = await self._passwords.hash(new, row["email"], visit.network or "")

        def change(connection: Connection) -> None:
            check_unchanged(connection, user)  # the host may have set another one meanwhile
            still_open(connection, login)
            users.change(connection, login.user_id, password_hash=password_hash)
            sessions.end_all(connection, login.user_id, now(), besides=login.session_id)
            note(connection, "password_changed", visit, user_id=login.user_id)

        await self._database.write(change)

    async def _who_knows(self, email: str, password: str, visit: Visit) -> RowMapping:
        """The user whose email and password these are; each guess is counted, a wrong one noted."""
        account = email_key(email)
        user = await self._database.read(users.by_email, account)
        known = await self._is_known(user, visit)
        await self._count(account, user, visit, known=known)
        if not await self._matches(password, account, user, visit, known=known) or user is None:
            user_id = user["id"] if user else None
            await self._database.write(note, "login_failed", visit, user_id=user_id)
            raise InvalidCredentials()
        await self._database.write(self._limits.login_was_right, visit, account, known=known)
        return user

    async def _is_known(self, user: RowMapping | None, visit: Visit) -> bool:
        if user is None or visit.network is None:
            return False
        return await self._database.read(sessions.knows, user["id"], visit.network)

    async def _count(
        self, account: str, user: RowMapping | None, visit: Visit, *, known: bool
    ) -> None:
        limits = self._limits
        limits.check(visit, limits.address(visit), limits.pair(visit, account))
        try:
            await self._database.write(limits.take_login, visit, account, known=known)
        except RateLimited:
            # Noted when it begins; most refusals that follow do not reach the database.
            user_id = user["id"] if user else None
            await self._database.write(note, "login_limited", visit, user_id=user_id)
            raise

    async def _matches(
        self, password: str, account: str, user: RowMapping | None, visit: Visit, *, known: bool
    ) -> bool:
        kept = user["password_hash"] if user else None
        try:
            return await self._passwords.matches(password, kept, visit.network or "")
        except Unavailable:
            undo = self._limits.login_was_not_tried
            await self._database.write(undo, visit, account, known=known)
            raise
