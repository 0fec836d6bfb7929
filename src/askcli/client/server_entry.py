"""The accounts of one server in the token file."""

from __future__ import annotations

import time
from typing import Any

from typing_extensions import TypedDict

from askcli.contract.shapes import Tokens, User

# The end of the year 9999: the server alone enforces an API token's expiry.
NEVER = 253_402_300_799.0


class Account(TypedDict, total=False):
    """A saved login; `expires_at` is a Unix time, `password` that of the local account.

    Without a refresh token it is an API token.
    """

    user: User
    access_token: str
    refresh_token: str
    expires_at: float
    password: str


class ServerEntry:
    """One server's part of the token file's content, for one profile.

    A profile has a login of its own, so that a logout ends no other's. One that an older version
    has saved names the server's login of that account, until the next login.
    """

    def __init__(self, content: dict[str, Any], server: str, profile: str | None) -> None:
        self._content = content
        self._server = server
        self._profile = profile
        self._profile_as_read = self._profile_in(content)
        self._is_login = False

    def current(self) -> Account | None:
        """Return the account that is logged in, None when there is none."""
        account: Account | None = self._own_profile().get("account")
        return account or self._accounts().get(self._email() or "")

    def put(self, tokens: Tokens, password: str | None = None) -> Account:
        """Save a login as the current one."""
        return self._put(_account(tokens), password)

    def renew(self, tokens: Tokens, password: str | None = None) -> Account:
        """Save the new tokens of the current login."""
        account, profile = _account(tokens), self._own_profile()
        if "account" in profile:
            self._content["profiles"][self._profile] = profile | {"account": account}
        else:
            self._keep(account, password)
        return account

    def put_token(self, token: str, user: User) -> Account:
        """Save an API token as the current login."""
        return self._put(Account(user=user, access_token=token, expires_at=NEVER))

    def remove(self) -> None:
        """Remove the current login, except the local account's password: its only copy."""
        profile, email = self._own_profile(), self._email()
        if email is None:
            return
        account = {} if "account" in profile else self._accounts().pop(email, {})
        if "password" in account:
            self._accounts()[email] = {"user": account["user"], "password": account["password"]}
        elif profile:
            self._content["profiles"].pop(self._profile, None)
        else:
            self._content["current"].pop(self._server, None)

    def copy_to(self, content: dict[str, Any]) -> None:
        """Copy this entry into *content*, whose other entries may have changed meanwhile.

        So may the profile, by a login to another server: then only a login changes it.
        """
        parts: list[tuple[str, str | None]]
        parts = [("current", self._server), ("accounts", self._server)]
        if self._is_login or self._profile_in(content) == self._profile_as_read:
            parts.append(("profiles", self._profile))
        for part, key in parts:
            content[part].pop(key, None)
            if key in self._content[part]:
                content[part][key] = self._content[part][key]

    def _profile_in(self, content: dict[str, Any]) -> Any:
        return content["profiles"].get(self._profile)

    def _own_profile(self) -> dict[str, Any]:
        """Return the profile if it leads to this server, else an empty one."""
        profile = self._profile_in(self._content) or {}
        return profile if profile.get("server") == self._server else {}

    def _accounts(self) -> dict[str, Any]:
        accounts: dict[str, Any] = self._content["accounts"].setdefault(self._server, {})
        return accounts

    def _email(self) -> str | None:
        email: str | None = self._content["current"].get(self._server)
        return self._own_profile().get("email") if self._profile else email

    def _put(self, account: Account, password: str | None = None) -> Account:
        self._is_login = True
        email = account["user"]["email"]
        if self._profile is None:
            self._content["current"][self._server] = email
            self._keep(account, password)
        else:
            profile = {"server": self._server, "email": email, "account": account}
            self._content["profiles"][self._profile] = profile
        return account

    def _keep(self, account: Account, password: str | None) -> None:
        email = account["user"]["email"]
        if password := password or self._accounts().get(email, {}).get("password"):
            account["password"] = password
        self._accounts()[email] = account


def _account(tokens: Tokens) -> Account:
    return Account(
        user=tokens["user"],
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        expires_at=time.time() + tokens["expires_in"],
    )
