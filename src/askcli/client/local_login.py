"""The account on the local server: made once, without asking, and made anew if it is gone."""

from __future__ import annotations

import os
import pwd
import secrets

from askcli.client import auth
from askcli.client.credentials import Account, Change
from askcli.client.login import KeptLogin, refreshed
from askcli.client.transport import Transport
from askcli.contract import Tokens
from askcli.errors import NotAuthenticated


class LocalLogin(KeptLogin):
    """The login to this user's own server; nobody but them can reach its socket."""

    def _renewed(self, change: Change, account: Account | None) -> Account:
        """Refresh; else log in with the kept password; else (the database is new) register."""
        if account is not None:
            for renew in (refreshed, _logged_in):
                try:
                    return change.put(renew(self._transport, account), account.get("password"))
                except NotAuthenticated:
                    continue
        password = secrets.token_urlsafe(32)
        return change.put(_registered(self._transport, password), password)


def _logged_in(transport: Transport, account: Account) -> Tokens:
    if "password" not in account:
        raise NotAuthenticated("there is no kept password")
    return auth.login(transport, account["user"]["email"], account["password"])


def _registered(transport: Transport, password: str) -> Tokens:
    name = _user_name()
    # Random, because the database may know an account of this user whose password is lost.
    email = f"{name}-{secrets.token_hex(4)}@localhost"
    auth.register(transport, name, email, password)
    return auth.login(transport, email, password)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a user that nobody has named
        return f"user-{os.getuid()}"
