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
    """One server's part of the token file's content, for one profile."""

    def __init__(self, content: dict[str, Any], server: str, profile: str | None) -> None:
        self._content = content
        self._server = server
        self._profile = profile
        self._profile_as_read = self._profile_in(content)
        self._is_login = False

    def current(self) -> Account | None:
        """Return the account that is logged in, None when there is none."""
        accounts: dict[str, Account] = self._content["accounts"].get(self._server, {})
        return accounts.get(self._email() or "")

    def put(self, tokens: Tokens, password: str | None = None) -> Account:
        """Save a login as the current one."""
        self._is_login = True
        return self.renew(tokens, password)

    def renew(self, tokens: Tokens, password: str | None = None) -> Account:
        """Save the new tokens of the current login."""
        account = Account(
            user=tokens["user"],
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            expires_at=time.time() + tokens["expires_in"],
        )
        return self._put(account, password)

    def put_token(self, token: str, user: User) -> Account:
        """Save an API token as the current login."""
        self._is_login = True
        return self._put(Account(user=user, access_token=token, expires_at=NEVER))

    def remove(self) -> None:
        """Remove the current login, except the local account's password: its only copy."""
        email = self._email()
        if email is None:
            return
        accounts = self._content["accounts"].get(self._server, {})
        account = accounts.pop(email, {})
        if "password" in account:
            accounts[email] = {"user": account["user"], "password": account["password"]}
        elif self._profile:
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

    def _email(self) -> str | None:
        if self._profile is None:
            email: str | None = self._content["current"].get(self._server)
            return email
        profile = self._content["profiles"].get(self._profile, {})
        return profile["email"] if profile.get("server") == self._server else None

    def _put(self, account: Account, password: str | None = None) -> Account:
        email = account["user"]["email"]
        accounts = self._content["accounts"].setdefault(self._server, {})
        if password := password or accounts.get(email, {}).get("password"):
            account["password"] = password
        if self._profile is None:
            self._content["current"][self._server] = email
        else:
            self._content["profiles"][self._profile] = {"server": self._server, "email": email}
        accounts[email] = account
        return account
