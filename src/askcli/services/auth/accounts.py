"""Registration of accounts, and reading them."""

from __future__ import annotations

import unicodedata
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from askcli.contract.shapes import User
from askcli.errors import (
    EmailTaken,
    InvalidInput,
    InviteNeeded,
    NotFound,
    RegistrationClosed,
    Unavailable,
)
from askcli.services import audit
from askcli.services.auth.passwords import Passwords, check_allowed
from askcli.services.auth.rate_limits import RateLimits
from askcli.services.auth.tokens import hash_token
from askcli.services.clock import new_id, now
from askcli.services.shapes import as_user
from askcli.store.database import Database
from askcli.store.queries import invites, users

MAX_EMAIL_CHARACTERS = 254


class Accounts:
    """The users of this server; `policy` is open, invite or closed."""

    def __init__(
        self, database: Database, passwords: Passwords, limits: RateLimits, policy: str
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._limits = limits
        self._policy = policy

    async def register(self, name: str, email: str, password: str, invite: str | None) -> User:
        """Create an account.

        Raises RegistrationClosed or InviteNeeded before EmailTaken, so that only those who may
        register learn which emails have accounts; InvalidInput; RateLimited.
        """
        if self._policy == "closed":
            raise RegistrationClosed()
        key = email_key(email)
        await self._count()
        if self._policy == "invite" and not invite:
            raise InviteNeeded()
        if len(key) > MAX_EMAIL_CHARACTERS:
            raise InvalidInput("email: it is too long.")
        check_allowed(password, email)
        row = {"id": new_id(), "name": name, "email": email, "email_key": key, "created_at": now()}
        return await self._add(row, password, invite)

    async def _count(self) -> None:
        limits = [*self._limits.addresses(), *self._limits.registrations()]
        self._limits.check(*limits)
        await self._database.write(self._limits.take, *limits)

    async def _add(self, row: dict[str, Any], password: str, invite: str | None) -> User:
        if self._policy == "invite" and not await self._database.read(
            invites.is_valid, hash_token(invite or ""), now()
        ):  # before the slow hash, which strangers must not be able to cause
            raise bad_invite()
        row["password_hash"] = await self._hash(password, row["email"])
        try:
            await self._database.write(self._insert, row, invite)
        except IntegrityError:
            raise EmailTaken(f"There is an account for {row['email']} already; log in.") from None
        return as_user(row)

    async def _hash(self, password: str, email: str) -> str:
        """Hash the password; what finds no room counts for its address, and is no registration."""
        try:
            return await self._passwords.hash(password, email)
        except Unavailable:
            await self._database.write(self._limits.give_back, self._limits.registrations())
            raise

    def _insert(self, connection: Connection, row: dict[str, Any], invite: str | None) -> None:
        """One transaction: an invite is used up if and only if the account is created."""
        if self._policy == "invite" and not invites.use(
            connection, hash_token(invite or ""), now()
        ):
            raise bad_invite()
        users.add(connection, row)
        audit.record(connection, "registered", user_id=row["id"])

    async def get(self, user_id: UUID) -> User:
        """Return the user. Raises NotFound."""
        row = await self._database.read(users.by_id, user_id)
        if row is None:
            raise NotFound("user")
        return as_user(row)


def bad_invite() -> InviteNeeded:
    """The same error for a code that is wrong, used up, expired or revoked."""
    return InviteNeeded("The invite is not valid: it is wrong, used, expired or revoked.")


def email_key(email: str) -> str:
    """Return the email without regard to case and Unicode form, as it is unique."""
    return unicodedata.normalize("NFKC", email).casefold()
