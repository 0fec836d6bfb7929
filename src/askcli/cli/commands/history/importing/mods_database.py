"""mods' conversations: titles and times in mods.db, the messages in a file of Go's gob for each.

A message has a role and a text. Images, tools and what these have answered are left out; mods keeps
no time of a question, no model and no tokens.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from askcli.cli.commands.history.importing import gob
from askcli.cli.commands.history.importing.items import Item, item
from askcli.errors import Misused

# More is no conversation of text.
MAX_BYTES = 64 * 2**20


class ModsDatabase:
    """The questions of an open database, whose messages are beside it."""

    def __init__(self, connection: sqlite3.Connection, file: Path, left_out: Counter[str]) -> None:
        self._connection, self._left_out = connection, left_out
        self._directories = [file.parent, file.parent / "conversations"]

    def count(self) -> int:
        """Return the number of questions."""
        return sum(1 for _ in self.items(is_counted=False))

    def items(self, *, is_counted: bool = True) -> Iterator[Item]:
        """Yield the questions, one conversation in memory."""
        query = "SELECT CAST(id AS TEXT) AS id, title, updated_at FROM conversations ORDER BY id"
        for row in self._connection.execute(query):
            messages = self._messages(row["id"])
            if messages is None:
                self._left_out["conversations without readable messages"] += is_counted
                continue
            yield from _turns(row, messages)

    def _messages(self, id_: str) -> list[Any] | None:
        """Return the messages of a conversation, None if their file is missing or not readable."""
        for directory in self._directories:
            file = directory / f"{Path(id_).name}.gob"
            if not file.is_file() or file.stat().st_size > MAX_BYTES:
                continue
            try:
                messages = gob.decode(file.read_bytes())
            except (Misused, OSError):
                return None
            is_read = isinstance(messages, list) and all(map(_is_message, messages))
            return messages if is_read else None
        return None


def _is_message(value: Any) -> bool:
    texts = ("Role", "Content")
    return isinstance(value, dict) and all(isinstance(value.get(name, ""), str) for name in texts)


def _turns(row: sqlite3.Row, messages: list[Any]) -> Iterator[Item]:
    """Yield the questions of a conversation, each a millisecond after the one before."""
    turns: list[dict[str, str]] = []
    system = ""
    for message in messages:
        role, text = message.get("Role"), message.get("Content", "")
        if role == "system":
            system = "\n".join(filter(None, (system, text)))
        elif role == "user":
            turns.append({"question": text, "answer": ""})
        elif role == "assistant" and turns:
            turns[-1]["answer"] += text
    end = _time(row["updated_at"])
    for number, turn in enumerate(turns):
        time = end - timedelta(milliseconds=len(turns) - 1 - number)
        yield item(
            key=f"mods:{row['id']}:{number}",
            conversation=f"mods:{row['id']}",
            title=row["title"],
            **turn,
            system=system,
            model="unknown",
            created_at=time.isoformat(),
        )


def _time(text: object) -> datetime:
    """Return a time that SQLite or Go has written, in UTC; 1970 for none, or an earlier one."""
    first = datetime.fromtimestamp(1000, UTC)  # before it there is room for each turn of a file
    try:
        time = datetime.fromisoformat(str(text).removesuffix(" UTC").removesuffix(" +0000"))
    except ValueError:
        return first
    return max(first, time if time.tzinfo else time.replace(tzinfo=UTC))
