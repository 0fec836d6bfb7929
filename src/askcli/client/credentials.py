"""The token file: the logins of this user by server, private and replaced atomically.

`{"current": {server: email}, "accounts": {server: {email: account}}, "profiles": {name: {"server",
"email", "account"}}}`, mode 0600 in a 0700 directory. An update holds the server's lock from
reading to writing, so that of any number of processes one refreshes and the others read its new
token.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from askcli.client.credentials_format import PARTS, decoded, encoded
from askcli.client.server_entry import Account, ServerEntry
from askcli.errors import Failed
from askcli.files import Replacement, locked, private_directory

log = logging.getLogger("askcli.notices")


class Credentials:
    """The token file in a config directory, for one profile (None: no profile).

    Its methods wait for other processes for at most `timeout` seconds, then raise TimedOut.
    """

    def __init__(self, config_dir: Path, profile: str | None, timeout: float) -> None:
        self.path = config_dir / "credentials.json"
        self.profile = profile
        self._timeout = timeout
        self._lock = self.path.with_name(self.path.name + ".lock")

    def server(self) -> str | None:
        """Return the profile's server, None without a profile or before its first login."""
        profile = self._read()["profiles"].get(self.profile)
        return profile["server"] if profile else None

    def options(self, url: str) -> str:
        """Return the options of a command that mean the server and the profile, for a shell."""
        profile = f" --profile {shlex.quote(self.profile)}" if self.profile else ""
        return f"--server {shlex.quote(url)}{profile}"

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
        from askcli.files import leftovers  # for an update alone

        try:
            private_directory(self.path.parent)
            with locked(self._server_lock(server), self._timeout):
                target = self._target()
                leftovers.remove(target)
                content = self._read()
                entry = ServerEntry(content, server, self.profile)
                reserve = len(encoded(content)) + 16_384
                with Replacement(target, reserve=reserve) as replacement:
                    yield entry
                    with locked(self._lock, self._timeout):
                        content = self._read(is_locked=True)
                        entry.copy_to(content)
                        replacement.commit(encoded(content))
        except OSError as error:
            raise Failed(
                f"cannot write {self.path}: {error.strerror}. Nothing was changed; "
                "make room or mend its permissions, then try again."
            ) from error

    def _target(self) -> Path:
        """Return the path to replace: a link leads to it, and stays."""
        return Path(os.path.realpath(self.path))

    def _server_lock(self, server: str) -> Path:
        digest = hashlib.sha256(server.encode()).hexdigest()[:16]
        return self.path.with_name(f"{self.path.name}.{digest}.lock")

    def _read(self, *, is_locked: bool = False) -> dict[str, Any]:
        empty: dict[str, Any] = {part: {} for part in PARTS}
        try:
            mode = self.path.stat().st_mode
            if not stat.S_ISREG(mode):  # reading a pipe would wait for its other end
                raise Failed(f"{self.path} is not an ordinary file: remove it.")
            if mode & 0o077:
                self.path.chmod(0o600)
            content = decoded(self.path.read_bytes())
            if content is not None:
                return empty | content
            if is_locked:
                self._set_aside()
                return empty
            with locked(self._lock, self._timeout):  # another process may be writing it
                return self._read(is_locked=True)
        except FileNotFoundError:
            return empty
        except OSError as error:
            raise Failed(f"cannot read {self.path}: {error.strerror}.") from error

    def _set_aside(self) -> None:
        target = self._target()
        aside = target.with_name(f"{target.name}.damaged-{time.time_ns()}")
        target.replace(aside)
        log.warning("askcli: the token file was damaged and is now %s: log in again.", aside)
