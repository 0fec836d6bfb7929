"""Lines of JSON: those of `askcli history export --format jsonl`, or {question, answer}."""

from __future__ import annotations

import hashlib
from array import array
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from askcli.cli.commands.history.importing.items import Item, item
from askcli.contract import bounded_json
from askcli.errors import Misused

_KEPT = ("question", "system", "answer", "status", "stop_reason", "error", "model", "max_tokens")
_COUNTS = ("input_tokens", "output_tokens", "cost_usd", "created_at", "answered_at")
MAX_LINE_BYTES = 32 * 2**20


class Lines:
    """The questions of a file of lines of JSON, which errors call by a name."""

    def __init__(self, file: Path, name: Path, left_out: Counter[str]) -> None:
        self._file, self._name, self._left_out = file, name, left_out
        # Of each line with something in it; arrays, as a line may be shorter than a tuple of both.
        self._numbers, self._places = array("Q"), array("Q")
        self._find()
        self._last = self._numbers[-1] if self._numbers else 0
        # As `history export` writes them: the oldest is stored first, and found last by a search.
        if self._is_newest_first():
            self._numbers.reverse()
            self._places.reverse()
        self._end = datetime.fromtimestamp(file.stat().st_mtime, UTC)

    def count(self) -> int:
        """Return the number of lines with something in them."""
        return len(self._places)

    def _time(self, number: int) -> str:
        """Return the time of a line without one: each a millisecond after the one before."""
        return (self._end - timedelta(milliseconds=max(0, self._last - number))).isoformat()

    def items(self) -> Iterator[Item]:
        """Yield the questions, one in memory. Raises Misused for a line without one."""
        for number, line in self._lines():
            value = _parsed(line)
            if not _is_question(value):
                raise Misused(
                    f'{self._name}, line {number}: {{"question": …, "answer": …}} is expected.'
                )
            if value.get("status") == "answering":
                self._left_out["still being answered"] += 1
                continue
            yield self._item(value, line, number)

    def _item(self, value: dict[str, Any], line: bytes, number: int) -> Item:
        digest = hashlib.sha256(line.removeprefix(BOM_UTF8).strip()).hexdigest()
        fields = {name: value.get(name) for name in (*_KEPT, *_COUNTS)}
        fields["created_at"] = value.get("created_at") or self._time(number)
        key = str(value.get("id") or digest)
        conversation = value.get("conversation_id") or value.get("conversation") or key
        return item(key=key, conversation=str(conversation), title=value.get("title"), **fields)

    def _is_newest_first(self) -> bool:
        """Whether the first line has a later time than the last one."""
        ends = [self._line(place) for place in (*self._places[:1], *self._places[-1:])]
        values = [value for line in ends if isinstance(value := _parsed(line), dict)]
        times = [time for value in values if isinstance(time := value.get("created_at"), str)]
        return len(times) == 2 and times[0] > times[1]

    def _line(self, place: int) -> bytes:
        with self._file.open("rb") as file:
            file.seek(place)
            return file.readline(MAX_LINE_BYTES)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self._file.open("rb") as file:
            for number, place in zip(self._numbers, self._places, strict=True):
                file.seek(place)
                yield number, file.readline(MAX_LINE_BYTES)

    def _find(self) -> None:
        with self._file.open("rb") as file:
            place = 0
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
                if line.strip():
                    self._numbers.append(number)
                    self._places.append(place)
                place += len(line)


def _is_question(value: Any) -> bool:
    """Return whether it has a question, and its other texts and ids, if any, have their types."""
    if not isinstance(value, dict) or not isinstance(value.get("question"), str):
        return False
    texts = (value.get(name) for name in ("answer", "system", "model", "title"))
    ids = (value.get(name) for name in ("id", "conversation_id", "conversation"))
    return all(isinstance(text, str | None) for text in texts) and all(
        isinstance(id_, str | int | None) for id_ in ids
    )


def _parsed(line: bytes) -> Any:
    """Return the value, None for what is no JSON, or would fill the memory."""
    try:
        return bounded_json.parse(line)
    except (ValueError, RecursionError):
        return None
