"""Which conversation a terminal is in: what `askcli ask -c` goes on with.

A terminal is its session (POSIX): all that one shell has started, pipelines and scripts included,
and nothing that another window or tab has. Numbers of sessions are used again, so the moment at
which the session's leader was started belongs to its name.
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

from askcli.errors import Failed
from askcli.files import private_directory, write_private

FORGOTTEN_SECONDS = 30 * 86_400
# So much of its last question tells a person which conversation it is.
SHOWN_CHARACTERS = 50


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, and how its last question begins."""

    id: str
    question: str


class Terminal:
    """This terminal, and what it last asked whom."""

    def __init__(self, state_dir: Path, account: Callable[[], str]) -> None:
        """`account` names the server and the user: another one's conversation is not this one's."""
        self._directory = state_dir / "terminals"
        self._account = account
        name = _name()
        self._path = self._directory / f"{name}.json" if name else None

    @property
    def exists(self) -> bool:
        """Whether there is a terminal at all."""
        return self._path is not None

    def last(self) -> Conversation | None:
        """The last conversation of this terminal with this account, None where there is none."""
        found = self._read().get(self._account())
        return Conversation(found["id"], found["question"]) if found else None

    def remember(self, conversation_id: str, question: str) -> None:
        """Make this the terminal's last conversation."""
        if self._path is None:
            return
        beginning = " ".join(question.split())
        if len(beginning) > SHOWN_CHARACTERS:
            beginning = beginning[: SHOWN_CHARACTERS - 1] + "…"
        told = self._read() | {self._account(): {"id": conversation_id, "question": beginning}}
        # That an answer was not remembered is no reason not to show it.
        with suppress(OSError, Failed):
            private_directory(self._directory)
            write_private(self._path, json.dumps(told).encode())
            self._forget_old()

    def _read(self) -> dict[str, dict[str, str]]:
        if self._path is None:
            return {}
        try:
            found: dict[str, dict[str, str]] = json.loads(self._path.read_bytes())
            return found
        except (OSError, ValueError):
            return {}

    def _forget_old(self) -> None:
        for path in self._directory.iterdir():
            if path.stat().st_mtime < time.time() - FORGOTTEN_SECONDS:
                path.unlink(missing_ok=True)


def _name() -> str | None:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return None  # a session without a terminal: cron, a service
    leader = os.getsid(0)
    return hashlib.sha256(f"{leader} {_started(leader)}".encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """When a process was started, in clock ticks since the machine was, where /proc tells."""
    with suppress(OSError, IndexError):
        # The name, in brackets, may hold anything: what follows its last bracket is countable.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
