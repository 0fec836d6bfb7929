"""What was typed at prompts: a private file, which Ctrl-R searches."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import History

from askcli.errors import Failed
from askcli.files import private_directory, read, write_private

MOST_ENTRIES = 2000
# A pasted book is in the history of questions; here it would only be read at each start.
MOST_CHARACTERS = 20_000


class TypedHistory(History):
    """One JSON string a line; terminals that are open at once add to the same file."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__()
        self._path = state_dir / "chat" / "typed.jsonl"

    def load_history_strings(self) -> Iterable[str]:
        """Return the entries, the newest first; a line that is damaged is left out."""
        entries: list[str] = []
        with suppress(OSError):
            for line in read(self._path).splitlines():
                with suppress(ValueError, RecursionError):
                    entries.append(json.loads(line))
        newest = [entry for entry in entries if isinstance(entry, str)][-MOST_ENTRIES:]
        if len(entries) > 2 * MOST_ENTRIES:
            self._replace(newest)
        return reversed(newest)

    def store_string(self, string: str) -> None:
        """Add an entry; the chat goes on where that cannot be saved."""
        if len(string) > MOST_CHARACTERS:
            return
        with suppress(OSError, Failed):
            private_directory(self._path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            # A pipe in its place would be waited for until somebody reads it.
            handle = os.open(self._path, flags | os.O_NONBLOCK, 0o600)
            with os.fdopen(handle, "wb", buffering=0) as file:  # one write: no other gets between
                # In a line of its own: a full disk may have cut off the last one.
                file.write(b"\n" + json.dumps(string).encode() + b"\n")

    def _replace(self, entries: list[str]) -> None:
        content = "".join(json.dumps(entry) + "\n" for entry in entries)
        with suppress(OSError, Failed):
            write_private(self._path, content.encode())
