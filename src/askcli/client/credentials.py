"""The token file: the logins of this user by server, private and replaced atomically.

`{"current": {server: email}, "accounts": {server: {email: account}}, "profiles": {name: {"server",
"email"}}}`, mode 0600 in a 0700 directory. An update holds the server's lock from reading to
writing, so that of any number of processes one refreshes and the others read its new token.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from askcli.contract.shapes import Tokens, User
from askcli.errors import Failed
from askcli.files import Replacement, locked, private_directory

# The end of the year 9999: the server alone enforces an API token's expiry.
NEVER = 253_402_300_799.0

_PARTS = ("current", "accounts", "profiles")
_TEXT_FIELDS = ("access_token", "refresh_token", "password")

log = logging.getLogger("askcli.notices")


class Account(TypedDict, total=False):
    """A saved login; `expires_at` is a Unix time, `password` that of the local account.

    Without a refresh token it is an API token.
    """

    user: User
    access_token: str
    refresh_token: str
    expires_at: float
    password: str


class Credentials:
    """The token file in a config directory, for one profile (None: no profile)."""

    def __init__(self, config_dir: Path, profile: str | None) -> None:
        self.path = config_dir / "credentials.json"
        self.profile = profile
        self._lock = self.path.with_name(self.path.name + ".lock")

    def server(self) -> str | None:
        """Return the profile's server, None without a profile or before its first login."""
        profile = self._read()["profiles"].get(self.profile)
        return profile["server"] if profile else None

    def profiles(self) -> list[str]:
        """Return the names of all profiles."""
        return sorted(self._read()["profiles"])

    def current(self, server: str) -> Account | None:
        """Return the account that is logged in to *server*, None when there is none."""
        return ServerEntry(self._read(), server, self.profile).current()

    @contextmanager
    def update(self, server: str) -> Iterator[ServerEntry]:
        """Read the file again under the server's lock, and save the entry when the block succeeds.

        The block may take as long as a request: only processes that use the same server wait for
        it. Disk space is reserved before the block runs, so that a full disk shows before a token
        is rotated whose successor could not be saved. Raises Failed then.
        """
        try:
            private_directory(self.path.parent)
            with locked(self._server_lock(server)):
                content = self._read()
                entry = ServerEntry(content, server, self.profile)
                reserve = len(_encoded(content)) + 16_384
                with Replacement(self.path, reserve=reserve) as replacement:
                    yield entry
                    with locked(self._lock):
                        content = self._read(is_locked=True)
                        entry.copy_to(content)
                        replacement.commit(_encoded(content))
        except OSError as error:
            raise Failed(
                f"cannot write {self.path}: {error.strerror}. Nothing was changed; "
                "make room or mend its permissions, then try again."
            ) from error

    def _server_lock(self, server: str) -> Path:
        digest = hashlib.sha256(server.encode()).hexdigest()[:16]
        return self.path.with_name(f"{self.path.name}.{digest}.lock")

    def _read(self, *, is_locked: bool = False) -> dict[str, Any]:
        empty: dict[str, Any] = {part: {} for part in _PARTS}
        try:
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            content = _decoded(self.path.read_bytes())
            if content is not None:
                return empty | content
            if is_locked:
                self._set_aside()
                return empty
            with locked(self._lock):  # another process may be writing it
                return self._read(is_locked=True)
        except FileNotFoundError:
            return empty
        except OSError as error:
            raise Failed(f"cannot read {self.path}: {error.strerror}.") from error

    def _set_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        self.path.replace(aside)
        log.warning("askcli: the token file was damaged and is now %s: log in again.", aside)


class ServerEntry:
    """One server's part of the token file's content, for one profile."""

    def __init__(self, content: dict[str, Any], server: str, profile: str | None) -> None:
        self._content = content
        self._server = server
        self._profile = profile

    def current(self) -> Account | None:
        """Return the account that is logged in, None when there is none."""
        accounts: dict[str, Account] = self._content["accounts"].get(self._server, {})
        return accounts.get(self._email() or "")

    def put(self, tokens: Tokens, password: str | None = None) -> Account:
        """Save a login as the current one."""
        account = Account(
            user=tokens["user"],
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            expires_at=time.time() + tokens["expires_in"],
        )
        return self._put(account, password)

    def put_token(self, token: str, user: User) -> Account:
        """Save an API token as the current login."""
        return self._put(Account(user=user, access_token=token, expires_at=NEVER))

    def remove(self) -> None:
        """Remove the current login, except the local account's password: its only copy."""
        email = self._email() or ""
        accounts = self._content["accounts"].get(self._server, {})
        account = accounts.pop(email, {})
        if "password" in account:
            accounts[email] = {"user": account["user"], "password": account["password"]}
        elif self._profile:
            self._content["profiles"].pop(self._profile, None)
        else:
            self._content["current"].pop(self._server, None)

    def copy_to(self, content: dict[str, Any]) -> None:
        """Copy this entry into *content*, whose other entries may have changed meanwhile."""
        for part, key in (
            ("current", self._server),
            ("accounts", self._server),
            ("profiles", self._profile),
        ):
            content[part].pop(key, None)
            if key in self._content[part]:
                content[part][key] = self._content[part][key]

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


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"


def _decoded(data: bytes) -> dict[str, Any] | None:
    """Return the content, None for a damaged file: one that is not as it is written."""
    try:
        content = json.loads(data)
        return content if _is_valid(content) else None
    except (ValueError, AttributeError, RecursionError):
        return None


def _is_valid(content: Any) -> bool:
    if not isinstance(content, dict) or not {"current", "accounts"} <= set(content) <= set(_PARTS):
        return False
    if not all(isinstance(part, dict) for part in content.values()):
        return False
    accounts = [a for server in content["accounts"].values() for a in server.values()]
    profiles = content.get("profiles", {}).values()
    return (
        all(isinstance(a.get("user", {}).get("email"), str) for a in accounts)
        and all(isinstance(a.get("expires_at", 0), int | float) for a in accounts)
        and all(isinstance(a.get(name, ""), str) for a in accounts for name in _TEXT_FIELDS)
        and all("access_token" in a for a in accounts if "expires_at" in a)
        and all(isinstance(email, str) for email in content["current"].values())
        and all({type(p.get("server")), type(p.get("email"))} == {str} for p in profiles)
    )
