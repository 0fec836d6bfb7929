"""A batch's rows: what each asks, checked before anything is asked, and the key that names it."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from askcli.contract import MAX_QUESTION_CHARACTERS, MAX_SYSTEM_CHARACTERS
from askcli.errors import Misused

# What a row may say; `id` and `error` are the user's and ours, and are not asked.
_FIELDS: dict[str, type] = {
    "question": str,
    "system": str,
    "model": str,
    "conversation_id": str,
    "max_tokens": int,
}
_LONGEST = {"question": MAX_QUESTION_CHARACTERS, "system": MAX_SYSTEM_CHARACTERS}
_NOT_ASKED = ("id", "error")


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number from 1, what was written, what it asks, and its name."""

    number: int
    said: dict[str, Any]
    body: dict[str, Any]
    name: str

    def key(self, attempt: int) -> str:
        """The idempotency key of an attempt: the same in every run of the same rows."""
        return f"batch-{self.name}-{attempt}"


@contextmanager
def opened(path: Path | None) -> Iterator[BinaryIO]:
    """The file, or a copy of stdin: it is read twice. Raises Misused when it cannot be read."""
    try:
        if path is not None:
            with path.open("rb") as file:
                yield file
            return
    except OSError as error:
        raise Misused(f"cannot read {path}: {error.strerror}.") from None
    with tempfile.TemporaryFile() as copy:
        while sys.stdin and (part := sys.stdin.buffer.read(1 << 20)):
            copy.write(part)
        yield copy


def read(file: BinaryIO, run: str, defaults: Mapping[str, str]) -> Iterator[Row]:
    """The rows of JSON Lines: objects, or just questions as strings; empty lines are none.

    Rows that say the same are told apart by how many came before, so each is asked once of its
    own; `defaults` are for what a row does not say, `run` sets one run's names apart from
    another's. Raises Misused, naming the line.
    """
    seen: Counter[str] = Counter()
    file.seek(0)
    number = 0
    for line_number, line in enumerate(file, 1):
        if not line.strip():
            continue
        number += 1
        said = _said(line, line_number)
        body = {**defaults} | {name: said[name] for name in _FIELDS if said.get(name) is not None}
        told = json.dumps([run, said.get("id"), body], sort_keys=True)
        digest = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()
        seen[digest] += 1
        yield Row(number, said, body, f"{digest[:40]}-{seen[digest]}")


def _said(line: bytes, number: int) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise Misused(f"line {number} is not JSON: each line is one row.") from None
    if isinstance(said, str):
        said = {"question": said}
    if not isinstance(said, dict):
        raise Misused(f"line {number} is neither an object nor a string.")
    for name, value in said.items():
        if name not in _NOT_ASKED:
            _check(name, value, number)
    if not str(said.get("question", "")).strip():
        raise Misused(f"line {number} has no question.")
    return said


def _check(name: str, value: Any, number: int) -> None:
    kind = _FIELDS.get(name)
    if kind is None:
        known = ", ".join((*_FIELDS, "id"))
        raise Misused(f"line {number}: there is no field {name!r}; there are {known}.")
    if value is None:
        return
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Misused(f"line {number}: {name} must be {'a number' if kind is int else 'text'}.")
    if isinstance(value, str) and len(value) > _LONGEST.get(name, 200):
        raise Misused(f"line {number}: {name} is too long.")
    if isinstance(value, str) and ("\0" in value or not _is_text(value)):
        raise Misused(f"line {number}: {name} is not text.")


def _is_text(value: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in value)
