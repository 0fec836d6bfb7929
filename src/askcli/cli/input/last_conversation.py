"""The last conversation of a terminal, which `askcli ask -c` continues.

A terminal is identified by its POSIX session: all processes of one shell, pipelines and scripts
included, and none of another window. Session ids are reused, so the start time of the session's
leader is part of the key.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from askcli.client.target import Connection
from askcli.contract.shapes import Id
from askcli.contract.validation import fits
from askcli.errors import Failed, Misused
from askcli.files import private_directory, read, write_private

FORGOTTEN_SECONDS = 30 * 86_400
# Enough of the last question to recognize the conversation.
SHOWN_CHARACTERS = 50


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, and the beginning of its last question."""

    id: str
    question: str


class _Entry(TypedDict):
    id: Id
    question: str


class Terminal:
    """This terminal and its last conversation with each account."""

    def __init__(self, state_dir: Path, account: Callable[[], str]) -> None:
        """`account` returns a key of server and user: each has a last conversation of its own."""
        self._directory = state_dir / "terminals"
        self._account = account
        name = _name()
        self._path = self._directory / f"{name}.json" if name else None

    @property
    def exists(self) -> bool:
        """Whether the process has a terminal."""
        return self._path is not None

    def last(self) -> Conversation | None:
        """Return the last conversation of this terminal and account, None if there is none."""
        entry: Any = self._read().get(self._account())
        return Conversation(entry["id"], entry["question"]) if fits(_Entry, entry) else None

    def remember(self, conversation_id: str, question: str) -> None:
        """Make this the terminal's last conversation."""
        if self._path is None:
            return
        beginning = " ".join(question.split())
        if len(beginning) > SHOWN_CHARACTERS:
            beginning = beginning[: SHOWN_CHARACTERS - 1] + "…"
        entries = self._read() | {self._account(): {"id": conversation_id, "question": beginning}}
        # The answer is shown even if the conversation cannot be saved.
        with suppress(OSError, Failed):
            private_directory(self._directory)
            write_private(self._path, json.dumps(entries).encode(), synced=False)
            self._forget_old()

    def _read(self) -> dict[str, Any]:
        """Return the entries of all accounts; a file that is damaged counts as absent."""
        if self._path is None:
            return {}
        try:
            entries = json.loads(read(self._path))
        except (OSError, ValueError, RecursionError):
            return {}
        return entries if fits(dict, entries) else {}

    def _forget_old(self) -> None:
        for path in self._directory.iterdir():
            if path.stat().st_mtime < time.time() - FORGOTTEN_SECONDS:
                path.unlink(missing_ok=True)


def terminal_of(connection: Connection) -> Terminal:
    """Return this terminal, with the last conversation of the connection's account."""
    return Terminal(connection.settings.state_dir, connection.account_key)


def last_of(connection: Connection) -> Conversation:
    """Return this terminal's last conversation. Raises Misused where there is none."""
    terminal = terminal_of(connection)
    if not terminal.exists:
        raise Misused("-c needs a terminal; use --conversation ID.")
    if last := terminal.last():
        return last
    raise Misused("no question was asked in this terminal yet; ask without -c first.")


def _name() -> str | None:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return None  # a session without a terminal: cron, a service
    leader = os.getsid(0)
    return hashlib.sha256(f"{leader} {_started(leader)}".encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """Return a process's start time in clock ticks since boot, empty without /proc."""
    with suppress(OSError, IndexError):
        # The name in brackets may contain blanks: the fields are counted after its last bracket.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
