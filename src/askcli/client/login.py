"""Which token a request carries: one that was given, or a login's, refreshed when it expires."""

from __future__ import annotations

import re
import time
from typing import Protocol

from askcli.client import auth
from askcli.client.credentials import Account, Change, Credentials
from askcli.client.transport import Transport
from askcli.contract import Tokens
from askcli.errors import Misused, NotAuthenticated

# Refresh this long before the end, so that a token does not expire on its way.
MARGIN_SECONDS = 30


class Login(Protocol):
    """What provides a request's access token."""

    def token(self) -> str:
        """A token that should be valid. Raises NotAuthenticated when there is none to be had."""
        ...

    def renew(self, refused: str) -> str:
        """Another token, after the server refused this one. Raises NotAuthenticated."""
        ...


class GivenToken:
    """A token from ASKCLI_TOKEN: used as it is, kept nowhere."""

    def __init__(self, token: str) -> None:
        """Raises Misused for what no header could carry."""
        if not re.fullmatch(r"[!-~]+", token):
            raise Misused("the token is not one: it has spaces or other strange characters in it.")
        self._token = token

    def token(self) -> str:
        """The token."""
        return self._token

    def renew(self, refused: str) -> str:  # noqa: ARG002
        """There is no other."""
        raise NotAuthenticated("the token in ASKCLI_TOKEN is not valid or has expired; renew it.")


class KeptLogin:
    """The login in the token file."""

    def __init__(self, credentials: Credentials, transport: Transport) -> None:
        self._credentials = credentials
        self._transport = transport
        self._server = transport.address.key

    def token(self) -> str:
        """The kept access token, refreshed if it is about to expire."""
        account = self._credentials.current(self._server)
        if account and _fresh(account):
            return account["access_token"]
        return self._change(refused=None)

    def renew(self, refused: str) -> str:
        """The token that another command got meanwhile, or a refreshed one."""
        return self._change(refused)

    def _change(self, refused: str | None) -> str:
        with self._credentials.changing(self._server) as change:
            account = change.current()
            if account and _fresh(account) and account["access_token"] != refused:
                return account["access_token"]
            return self._renewed(change, account)["access_token"]

    def _renewed(self, change: Change, account: Account | None) -> Account:
        if account is None:
            raise NotAuthenticated(
                f"not logged in to {self._transport.address.name}: "
                "run `askcli login` or `askcli register`."
            )
        return change.put(refreshed(self._transport, account), account.get("password"))


def _fresh(account: Account) -> bool:
    return account.get("expires_at", 0) - MARGIN_SECONDS > time.time()


def refreshed(transport: Transport, account: Account) -> Tokens:
    """New tokens for a login. Raises NotAuthenticated when its session is over."""
    if "refresh_token" not in account:
        raise NotAuthenticated(
            f"the API token for {transport.address.name} is revoked or has expired: log in again."
        )
    try:
        return auth.refresh(transport, account["refresh_token"])
    except NotAuthenticated:
        raise NotAuthenticated(
            f"your session on {transport.address.name} has ended: run `askcli login`."
        ) from None
