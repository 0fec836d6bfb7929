"""The account on the local server: registered without asking, and again when it is gone."""

from __future__ import annotations

import os
import pwd
import secrets

from askcli.client import auth
from askcli.client.http.transport import Transport
from askcli.client.login import SavedLogin, refreshed
from askcli.client.server_entry import Account, ServerEntry
from askcli.contract.shapes import Tokens
from askcli.errors import NotAuthenticated


class LocalLogin(SavedLogin):
    """The login to this user's own server, whose socket nobody else can reach."""

    def _renewed(self, entry: ServerEntry, account: Account | None) -> Account:
        """Refresh, else log in with the saved password, else (new database) register."""
        if account is not None:
            for renew in (refreshed, _login):
                try:
                    return entry.renew(renew(self._transport, account), account.get("password"))
                except NotAuthenticated:
                    continue
        password = secrets.token_urlsafe(32)
        return entry.put(_register(self._transport, password), password)


def _login(transport: Transport, account: Account) -> Tokens:
    if "password" not in account:
        raise NotAuthenticated("the local account has no saved password.")
    return auth.login(transport, account["user"]["email"], account["password"])


def _register(transport: Transport, password: str) -> Tokens:
    name = _user_name()
    # Random, because the database may hold an account of this user whose password is lost.
    email = f"{name}-{secrets.token_hex(4)}@localhost"
    auth.register(transport, name, email, password)
    return auth.login(transport, email, password)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a user without a name
        return f"user-{os.getuid()}"
