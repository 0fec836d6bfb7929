"""The token file: who is logged in to which server, private, and replaced whole.

`{"current": {server: email}, "accounts": {server: {email: account}}}`, mode 0600 in a 0700
directory. Whoever changes it holds its lock from reading to writing, so that of any number of
parallel commands one refreshes and the others find the new token.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from askcli.contract import Tokens, User
from askcli.errors import Failed
from askcli.files import Replacement, locked, private_directory


class Account(TypedDict, total=False):
    """What is kept of a login; `expires_at` is a Unix time, `password` the local account's own."""

    user: User
    access_token: str
    refresh_token: str
    expires_at: float
    password: str


class Credentials:
    """The token file in a config directory."""

    def __init__(self, config_dir: Path) -> None:
        self.path = config_dir / "credentials.json"

    def current(self, server: str) -> Account | None:
        """The account that is logged in to the server, None when there is none."""
        return _current(self._read(), server)

    @contextmanager
    def changing(self, server: str) -> Iterator[Change]:
        """Read again under the lock, and write what the block changes when it ends well.

        The space is taken before the block runs: when the disk is full, that shows before a
        token is rotated whose successor could not be kept. Raises Failed then.
        """
        try:
            private_directory(self.path.parent)
            with locked(self.path.with_name(self.path.name + ".lock")):
                content = self._read()
                change = Change(content, server)
                with Replacement(self.path, reserve=_size(content) + 16_384) as replacement:
                    yield change
                    replacement.commit(_encoded(content))
        except OSError as error:
            raise Failed(
                f"cannot write {self.path}: {error.strerror}. Nothing was changed; "
                "make room or mend its permissions, then try again."
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            content = json.loads(self.path.read_bytes())
            if _is_whole(content):
                return content  # type: ignore[no-any-return]
        except FileNotFoundError:
            return {"current": {}, "accounts": {}}
        except (ValueError, AttributeError):  # not JSON, or JSON of another form
            pass
        except OSError as error:
            raise Failed(f"cannot read {self.path}: {error.strerror}.") from error
        raise Failed(
            f"{self.path} is damaged: move it away and log in again "
            f"(mv '{self.path}' '{self.path}.damaged')."
        )


class Change:
    """The token file's content for one server, while its lock is held."""

    def __init__(self, content: dict[str, Any], server: str) -> None:
        self._content = content
        self._server = server

    def current(self) -> Account | None:
        """The account that is logged in now: another command may just have changed it."""
        return _current(self._content, self._server)

    def put(self, tokens: Tokens, password: str | None = None) -> Account:
        """Keep a login, as the current one."""
        account = Account(
            user=tokens["user"],
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            expires_at=time.time() + tokens["expires_in"],
        )
        if password is not None:
            account["password"] = password
        email = tokens["user"]["email"]
        self._content["current"][self._server] = email
        self._content["accounts"].setdefault(self._server, {})[email] = account
        return account

    def forget(self) -> None:
        """Drop the current login; of the local account its password stays, the only copy."""
        email = self._content["current"].pop(self._server, None)
        accounts = self._content["accounts"].get(self._server, {})
        account = accounts.pop(email, {})
        if "password" in account:
            accounts[email] = {"user": account["user"], "password": account["password"]}
            self._content["current"][self._server] = email


def _is_whole(content: Any) -> bool:
    """Whether all that is in the file has the form in which it is written."""
    if not isinstance(content, dict) or set(content) != {"current", "accounts"}:
        return False
    if not all(isinstance(part, dict) for part in content.values()):
        return False
    accounts = [a for server in content["accounts"].values() for a in server.values()]
    return all(isinstance(a.get("user", {}).get("email"), str) for a in accounts) and all(
        isinstance(a.get("expires_at", 0), int | float) for a in accounts
    )


def _current(content: dict[str, Any], server: str) -> Account | None:
    accounts: dict[str, Account] = content["accounts"].get(server, {})
    return accounts.get(content["current"].get(server, ""))


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"


def _size(content: dict[str, Any]) -> int:
    return len(_encoded(content))
