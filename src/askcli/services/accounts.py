"""Accounts: register and look up."""

from __future__ import annotations

import unicodedata
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from askcli.contract import User
from askcli.errors import EmailTaken, InvalidInput, NotFound, RegistrationClosed
from askcli.services.clock import new_id, now
from askcli.services.passwords import Passwords
from askcli.services.rows import as_user
from askcli.store import users
from askcli.store.database import Database

MAX_EMAIL_CHARACTERS = 254


class Accounts:
    """The users of this server."""

    def __init__(self, database: Database, passwords: Passwords, registration: str) -> None:
        self._database = database
        self._passwords = passwords
        self._registration = registration

    async def register(self, name: str, email: str, password: str) -> User:
        """Make an account. Raises EmailTaken, RegistrationClosed or InvalidInput."""
        if self._registration != "open":
            raise RegistrationClosed("This server takes no registrations; ask its host.")
        if len(email_key(email)) > MAX_EMAIL_CHARACTERS:
            raise InvalidInput("email: it is too long.")
        row = {
            "id": new_id(),
            "name": name,
            "email": email,
            "email_key": email_key(email),
            "password_hash": await self._passwords.hash(password),
            "created_at": now(),
        }
        try:
            await self._database.write(users.add, row)
        except IntegrityError:
            raise EmailTaken(f"There is an account for {email} already; log in.") from None
        return as_user(row)

    async def get(self, user_id: UUID) -> User:
        """The user. Raises NotFound."""
        row = await self._database.read(users.by_id, user_id)
        if row is None:
            raise NotFound("There is no such user.")
        return as_user(row)


def email_key(email: str) -> str:
    """The email without regard to case or Unicode form: what is unique."""
    return unicodedata.normalize("NFKC", email).casefold()
