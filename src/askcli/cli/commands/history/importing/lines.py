"""Lines of JSON: those of `askcli history export --format jsonl`, or {question, answer}."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from askcli.cli.commands.history.importing.items import Item, item
from askcli.errors import Misused

_KEPT = ("question", "system", "answer", "status", "stop_reason", "error", "model", "max_tokens")
_COUNTS = ("input_tokens", "output_tokens", "cost_usd", "created_at", "answered_at")
MAX_LINE_BYTES = 32 * 2**20


class Lines:
    """The questions of a file of lines of JSON."""

    def __init__(self, file: Path, left_out: Counter[str]) -> None:
        self._file, self._left_out = file, left_out
        self._places = list(self._in_file())
        self._numbers = max((number for number, _ in self._places), default=0)
        # As `history export` writes them: the oldest is stored first, and found last by a search.
        if self._is_newest_first():
            self._places.reverse()
        self._end = datetime.fromtimestamp(file.stat().st_mtime, UTC)

    def count(self) -> int:
        """Return the number of lines with something in them."""
        return len(self._places)

    def _time(self, number: int) -> str:
        """Return the time of a line without one: each a millisecond after the one before."""
        return (self._end - timedelta(milliseconds=max(0, self._numbers - number))).isoformat()

    def items(self) -> Iterator[Item]:
        """Yield the questions, one in memory. Raises Misused for a line that is none."""
        for number, line in self._lines():
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict) or not isinstance(value.get("question"), str):
                raise Misused(
                    f'{self._file}, line {number}: {{"question": …, "answer": …}} is expected.'
                )
            if value.get("status") == "answering":
                self._left_out["still being answered"] += 1
                continue
            yield self._item(value, line, number)

    def _item(self, value: dict[str, Any], line: bytes, number: int) -> Item:
        digest = hashlib.sha256(line.strip()).hexdigest()
        fields = {name: value.get(name) for name in (*_KEPT, *_COUNTS)}
        fields["created_at"] = value.get("created_at") or self._time(number)
        key = str(value.get("id") or digest)
        conversation = value.get("conversation_id") or value.get("conversation") or key
        return item(key=key, conversation=str(conversation), title=value.get("title"), **fields)

    def _is_newest_first(self) -> bool:
        """Whether the first line has a later time than the last one."""
        times = [self._line(place) for _, place in (*self._places[:1], *self._places[-1:])]
        try:
            first, last = (json.loads(line)["created_at"] for line in times)
        except (ValueError, KeyError, TypeError):
            return False
        return isinstance(first, str) and isinstance(last, str) and first > last

    def _line(self, place: int) -> bytes:
        with self._file.open("rb") as file:
            file.seek(place)
            return file.readline(MAX_LINE_BYTES)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self._file.open("rb") as file:
            for number, place in self._places:
                file.seek(place)
                yield number, file.readline(MAX_LINE_BYTES)

    def _in_file(self) -> Iterator[tuple[int, int]]:
        """Yield the number and the place of each line with something in it."""
        with self._file.open("rb") as file:
            place = 0
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
                if line.strip():
                    yield number, place
                place += len(line)
