"""The file of a batch's failed rows: checked before anything is asked, written at the end.

Without --failures its name is known in advance, so that a cloned repository or another user of a
shared directory could have put a link or another file there. Only a file of failed rows is replaced
under that name, and only such a file is ever removed: under the default name, which other batches
have too, if its rows are of this batch's input.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from askcli.cli.commands.batch.pool import Asked
from askcli.cli.commands.batch.rows import CheckedRows, lines
from askcli.cli.output import output_file
from askcli.cli.output.terminal import console
from askcli.contract import bounded_json
from askcli.errors import AskcliError, Failed, Misused, ProviderFailed
from askcli.files.pid_file import file_identity

log = logging.getLogger("askcli.notices")

STDIN, STDOUT = 0, 1
# Where the names of open files are, such as that of <(…) and /dev/stdin.
_NAMES_OF_OPEN_FILES = {Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")}


class FailuresFile:
    """The file for the rows of a batch that failed."""

    def __init__(self, named: Path | None, rows: Path | None, *, is_quiet: bool) -> None:
        """`named` is the user's choice, None the default; `rows` the file of rows, None stdin.

        Raises Misused when it cannot be written, or is the file of the rows or of the answers.
        """
        self._is_default, self._is_quiet = named is None, is_quiet
        path = named or _default_path(rows)
        try:
            self._output = output_file.checked(path, follows_link=named is not None)
            self._check_content()
        except Misused as error:
            raise Misused(f"{error.detail} Name another file with --failures.") from None
        self._check_identity(rows)

    def report(self, failed: Sequence[Asked], rows: CheckedRows) -> None:
        """Write the rows that failed, of all rows. Raises ProviderFailed when there are any."""
        path = self._output.path
        try:
            if not failed:
                self._remove(rows)
                return
            self._check_content()
            self._output.write("".join(_line(asked) for asked in failed).encode("utf-8", "replace"))
        except Misused as error:
            raise Failed(f"cannot write the rows that failed: {error.detail}") from None
        except OSError as error:
            raise Failed(f"cannot write {path}: {error.strerror}.") from error
        raise ProviderFailed(
            f"{len(failed):,} of {len(rows):,} rows failed: they are in {path}, with their errors. "
            + _what_follows(failed)
        )

    def _remove(self, rows: CheckedRows) -> None:
        """Remove the failed rows of an earlier run, which are answered now. Raises OSError.

        Of a link it removes the link; what is no file of failed rows stays.
        """
        path = self._output.path
        if self._output.is_device:
            return
        with _failures(self._output.target) as file:
            if file is None:
                return
            if self._is_default and not _are_included(file, rows):
                if not self._is_quiet:
                    log.info("askcli: %s has rows that are not of this input: it stays.", path)
                return
        path.unlink()

    def _check_content(self) -> None:
        path = self._output.path
        if not self._is_default or not os.path.lexists(path):
            return
        with _failures(path) as file:
            if file is None:
                raise Misused(f"{path} is there already and is not a file of failed rows of yours.")

    def _check_identity(self, rows: Path | None) -> None:
        path = self._output.path
        others = {file_identity(rows or STDIN), file_identity(STDOUT)}
        if path.is_file() and file_identity(path) in others:
            raise Misused(
                f"{path} holds the rows or takes the answers: name another file with --failures."
            )


def _default_path(rows: Path | None) -> Path:
    """Return the path beside the rows; "/" and "." have no name, nor has stdin or a pipe.

    Another suffix than that of JSON Lines is part of the name: a.json and a.jsonl are two inputs.
    """
    if rows is None or rows.parent in _NAMES_OF_OPEN_FILES:
        return Path("batch.failed.jsonl")
    name = rows.stem if rows.suffix == ".jsonl" else rows.name
    return rows.parent / f"{name or 'batch'}.failed.jsonl"


@contextmanager
def _failures(path: Path) -> Iterator[BinaryIO | None]:
    """Open an ordinary file of this user's with failed rows and nothing else; None for another."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    with os.fdopen(handle, "rb") as file:
        yield file if _has_failures(file) else None


def _has_failures(file: BinaryIO) -> bool:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
        return False
    try:
        return status.st_size > 0 and all(_is_failure(line) for line in lines(file))
    except Misused:  # a line longer than any row
        return False


def _are_included(file: BinaryIO, rows: CheckedRows) -> bool:
    try:
        return rows.include(file)
    except Misused:  # of a row that no batch has written, or of an input that has changed since
        return False


def _is_failure(line: bytes) -> bool:
    try:
        row = bounded_json.parse(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "question" in row and isinstance(row.get("error"), dict)


def _line(asked: Asked) -> str:
    error = asked.error or AskcliError("unknown")
    fields: dict[str, Any] = {
        "code": error.code,
        "detail": error.detail,
        "question_id": error.question_id,
    }
    row = asked.row.fields | {"error": {k: v for k, v in fields.items() if v is not None}}
    return console.as_json(row) + "\n"


def _what_follows(failed: Sequence[Asked]) -> str:
    final = sum(asked.is_final for asked in failed)
    if not final:
        return "The same command asks them again, and only them."
    again = len(failed) - final
    return (
        f"{final:,} of them, cut off, refused or tried too often, keep their end: change the rows, "
        "or ask all rows anew with --run NAME."
        + (f" The same command asks the other {again:,} again, and only them." if again else "")
    )
