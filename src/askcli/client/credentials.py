"""The token file: who is logged in to which server, private, and replaced whole.

`{"current": {server: email}, "accounts": {server: {email: account}}, "profiles": {name: {"server",
"email"}}}`, mode 0600 in a 0700 directory. Whoever changes a login holds its server's lock from
reading to writing, so that of any number of commands one refreshes and the others find the new
token.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from askcli.client import damage
from askcli.contract import Tokens, User
from askcli.errors import Failed
from askcli.files import Replacement, locked, private_directory

NEVER = 253_402_300_799.0  # the end of the year 9999: an API token's own end is the server's affair


class Account(TypedDict, total=False):
    """What is kept of a login; `expires_at` is a Unix time, `password` the local account's own.

    One without a refresh token is an API token.
    """

    user: User
    access_token: str
    refresh_token: str
    expires_at: float
    password: str


class Credentials:
    """The token file in a config directory, as one profile (None: no profile) sees it."""

    def __init__(self, config_dir: Path, profile: str | None, tell: Callable[[str], None]) -> None:
        """`tell` gets a line for the user when a damaged file was set aside."""
        self.path = config_dir / "credentials.json"
        self.profile = profile
        self._tell = tell

    def server(self) -> str | None:
        """The profile's server, None without a profile or before its first login."""
        known = self._read()["profiles"].get(self.profile)
        return known["server"] if known else None

    def profiles(self) -> list[str]:
        """The names of all profiles."""
        return sorted(self._read()["profiles"])

    def current(self, server: str) -> Account | None:
        """The account that is logged in to the server, None when there is none."""
        return Change(self._read(), server, self.profile).current()

    @contextmanager
    def changing(self, server: str) -> Iterator[Change]:
        """Read again under the server's lock, and write what the block changes when it ends well.

        The block may take as long as the server does: only commands that talk to the same one
        wait for it. The space is taken before the block runs: when the disk is full, that shows
        before a token is rotated whose successor could not be kept. Raises Failed then.
        """
        try:
            private_directory(self.path.parent)
            with locked(self._lock_of(server)):
                change = Change(self._read(), server, self.profile)
                size = len(_encoded(self._read())) + 16_384
                with Replacement(self.path, reserve=size) as replacement:
                    yield change
                    with locked(self._lock):
                        content = self._read(is_locked=True)
                        change.put_into(content)
                        replacement.commit(_encoded(content))
        except OSError as error:
            raise Failed(
                f"cannot write {self.path}: {error.strerror}. Nothing was changed; "
                "make room or mend its permissions, then try again."
            ) from error

    @property
    def _lock(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    def _lock_of(self, server: str) -> Path:
        digest = hashlib.sha256(server.encode()).hexdigest()[:16]
        return self.path.with_name(f"{self.path.name}.{digest}.lock")

    def _read(self, *, is_locked: bool = False) -> dict[str, Any]:
        empty: dict[str, Any] = {"current": {}, "accounts": {}, "profiles": {}}
        try:
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            found = damage.whole(self.path.read_bytes())
            if found is not None:
                return empty | found
            if is_locked:
                self._tell(damage.set_aside(self.path))
                return empty
            with locked(self._lock):  # not in the way of a command that is writing it
                return self._read(is_locked=True)
        except FileNotFoundError:
            return empty
        except OSError as error:
            raise Failed(f"cannot read {self.path}: {error.strerror}.") from error


class Change:
    """The token file's content for one server, while its lock is held."""

    def __init__(self, content: dict[str, Any], server: str, profile: str | None) -> None:
        self._content = content
        self._server = server
        self._profile = profile

    def current(self) -> Account | None:
        """The account that is logged in now: another command may just have changed it."""
        accounts: dict[str, Account] = self._content["accounts"].get(self._server, {})
        return accounts.get(self._email() or "")

    def put(self, tokens: Tokens, password: str | None = None) -> Account:
        """Keep a login, as the current one."""
        account = Account(
            user=tokens["user"],
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            expires_at=time.time() + tokens["expires_in"],
        )
        return self._put(account, password)

    def put_token(self, token: str, user: User) -> Account:
        """Keep an API token, as the current login."""
        return self._put(Account(user=user, access_token=token, expires_at=NEVER))

    def forget(self) -> None:
        """Drop the current login; of the local account its password stays, the only copy."""
        email = self._email() or ""
        accounts = self._content["accounts"].get(self._server, {})
        account = accounts.pop(email, {})
        if "password" in account:
            accounts[email] = {"user": account["user"], "password": account["password"]}
        elif self._profile:
            self._content["profiles"].pop(self._profile, None)
        else:
            self._content["current"].pop(self._server, None)

    def put_into(self, content: dict[str, Any]) -> None:
        """Write this server's part into the file as it is now: others' may have changed."""
        for part in ("current", "accounts"):
            content[part].pop(self._server, None)
            if self._server in self._content[part]:
                content[part][self._server] = self._content[part][self._server]
        content["profiles"].pop(self._profile, None)
        if self._profile in self._content["profiles"]:
            content["profiles"][self._profile] = self._content["profiles"][self._profile]

    def _email(self) -> str | None:
        if self._profile is None:
            email: str | None = self._content["current"].get(self._server)
            return email
        known = self._content["profiles"].get(self._profile, {})
        return known["email"] if known.get("server") == self._server else None

    def _put(self, account: Account, password: str | None = None) -> Account:
        email = account["user"]["email"]
        before = self._content["accounts"].get(self._server, {}).get(email, {})
        if password := password or before.get("password"):
            account["password"] = password  # of the local account, and the only copy
        if self._profile is None:
            self._content["current"][self._server] = email
        else:
            self._content["profiles"][self._profile] = {"server": self._server, "email": email}
        self._content["accounts"].setdefault(self._server, {})[email] = account
        return account


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"
