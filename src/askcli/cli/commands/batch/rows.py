"""The rows of a batch: parsed and checked, each with a stable idempotency key."""

from __future__ import annotations

import hashlib
import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from askcli.cli.input import stdin
from askcli.cli.input.question import is_text
from askcli.contract import bounded_json
from askcli.contract.limits import MAX_QUESTION_CHARACTERS, MAX_SYSTEM_CHARACTERS
from askcli.errors import Failed, Misused

# Fields of a row; `id` is the user's and `error` of an earlier run, neither is sent.
_FIELDS: dict[str, type] = {
    "question": str,
    "system": str,
    "model": str,
    "conversation_id": str,
    "max_tokens": int,
}
_LONGEST = {"question": MAX_QUESTION_CHARACTERS, "system": MAX_SYSTEM_CHARACTERS}
_NOT_ASKED = ("id", "error")
# JSON may take twelve bytes for a character; the last term is for all other fields.
MAX_LINE_BYTES = 12 * (MAX_QUESTION_CHARACTERS + MAX_SYSTEM_CHARACTERS) + 1_048_576


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number from 1, its fields, the request's body, and a digest as its name."""

    number: int
    fields: dict[str, Any]
    body: dict[str, Any]
    name: str

    def key(self, attempt: int) -> str:
        """Return the idempotency key of an attempt: the same in every run of the same rows."""
        return f"batch-{self.name}-{attempt}"


def check_readable(path: Path | None) -> None:
    """Raise Misused for a file that cannot be opened; not for a pipe, whose writer would end."""
    if path:
        with _reading(path):
            if not path.is_fifo():
                path.open("rb").close()


@contextmanager
def opened(path: Path | None) -> Iterator[BinaryIO]:
    """Open the file, or a copy of stdin or of a pipe, to be read twice. Raises Misused."""
    if path is None:
        with _copied(stdin.chunks("`-`")) as copy:
            yield copy
        return
    with _reading(path):
        source = path.open("rb")
    with source as file:
        if file.seekable():
            yield file
            return
        with _copied(_chunks(file, path)) as copy:
            yield copy


def _chunks(file: BinaryIO, path: Path) -> Iterator[bytes]:
    with _reading(path):
        while chunk := file.read(stdin.CHUNK_BYTES):
            yield chunk


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misused(f"cannot read {path}: {error.strerror}.") from None


@contextmanager
def _copied(chunks: Iterable[bytes]) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as copy:
        copy.writelines(chunks)
        yield copy


class CheckedRows:
    """The rows of a file, all of them checked before the first is asked.

    Iterating reads the file again, a row at a time, and raises Failed as soon as it is not as it
    was: before a row is asked that was not counted, and instead of ending with fewer rows.
    """

    def __init__(self, file: BinaryIO, run: str, defaults: Mapping[str, str]) -> None:
        """Raises Misused with the line number of a row that is not right."""
        self._file = file
        self._read = partial(read, file, run, defaults)
        self._digests = array("Q", (_digest(row) for row in self._read()))

    def include(self, file: BinaryIO) -> bool:
        """Return whether all rows of another file are among these, in any run, with any defaults.

        Raises Misused for a row that is not right.
        """
        missing = {_digest(row) for row in read(file, "", {})}
        for row in read(self._file, "", {}) if missing else ():
            missing.discard(_digest(row))
        return not missing

    def __len__(self) -> int:
        return len(self._digests)

    def __iter__(self) -> Iterator[Row]:
        rows = self._read()
        try:
            for number, known in enumerate(self._digests, 1):
                row = next(rows, None)
                if row is None or _digest(row) != known:
                    raise _changed(number)
                yield row
            if next(rows, None) is not None:
                raise _changed(len(self) + 1)
        except Misused:
            raise _changed(None) from None


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file.

    Raises Misused for one that is longer than any row, and Failed for one that cannot be read.
    """
    for number in count(1):
        try:
            line = file.readline(MAX_LINE_BYTES + 1)
        except OSError as error:
            raise Failed(f"cannot read line {number}: {error.strerror}.") from error
        if len(line) > MAX_LINE_BYTES:
            raise Misused(f"line {number} is too long for a row.")
        if not line:
            return
        yield line


def _digest(row: Row) -> int:
    """Return a number of eight bytes, so that a million rows take eight megabytes."""
    return int.from_bytes(hashlib.blake2b(row.name.encode(), digest_size=8).digest())


def _changed(number: int | None) -> Failed:
    place = f"row {number:,}" if number else "a row"
    return Failed(f"the input changed while it was asked: {place} is not as it was at the start.")


def read(file: BinaryIO, run: str, defaults: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows of JSON Lines: objects, or questions as strings; empty lines are skipped.

    Equal rows are numbered, so each is asked once. `defaults` are values for missing fields, and
    `run` is part of the names. Raises Misused with the line number.
    """
    counts: Counter[str] = Counter()
    file.seek(0)
    number = 0
    for line_number, line in enumerate(lines(file), 1):
        if not line.strip():
            continue
        number += 1
        fields = _parse(line, line_number)
        body = {**defaults} | {k: fields[k] for k in _FIELDS if fields.get(k) is not None}
        identity = json.dumps([run, fields.get("id"), body], sort_keys=True)
        digest = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()
        counts[digest] += 1
        yield Row(number, fields, body, f"{digest[:40]}-{counts[digest]}")


def _parse(line: bytes, number: int) -> dict[str, Any]:
    try:
        fields = bounded_json.parse(line)
    except UnicodeDecodeError:
        raise Misused(
            f"line {number} is not UTF-8 text; convert it, for example with iconv."
        ) from None
    except (ValueError, RecursionError):
        raise Misused(f"line {number} is not JSON: each line is one row.") from None
    if isinstance(fields, str):
        fields = {"question": fields}
    if not isinstance(fields, dict):
        raise Misused(f"line {number} is neither an object nor a string.")
    for name, value in fields.items():
        if name not in _NOT_ASKED:
            _check(name, value, number)
    if not str(fields.get("question") or "").strip():
        raise Misused(f"line {number} has no question.")
    return fields


def _check(name: str, value: Any, number: int) -> None:
    kind = _FIELDS.get(name)
    if kind is None:
        names = ", ".join((*_FIELDS, "id"))
        raise Misused(f"line {number}: there is no field {name!r}; there are {names}.")
    if value is None:
        return
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Misused(f"line {number}: {name} must be {'a number' if kind is int else 'text'}.")
    if isinstance(value, str) and len(value) > _LONGEST.get(name, 200):
        raise Misused(f"line {number}: {name} is too long.")
    if isinstance(value, str) and ("\0" in value or not is_text(value)):
        raise Misused(f"line {number}: {name} is not text.")
