"""The file of a batch's failed rows: checked before anything is asked, written at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from askcli.cli.commands.batch.pool import Asked
from askcli.cli.output import output_file
from askcli.errors import AskcliError, Failed, Misused, ProviderFailed
from askcli.files.pid_file import file_identity

STDIN, STDOUT = 0, 1


def path(named: Path | None, rows: Path | None) -> Path:
    """Return the path of the file for the rows of a file, None being stdin.

    Raises Misused when it cannot be written, or is the file of the rows or of the answers.
    """
    default = rows.with_suffix(".failed.jsonl") if rows else Path("batch.failed.jsonl")
    chosen = named or default
    try:
        output_file.check(chosen)
    except Misused as error:
        raise Misused(f"{error.detail} Name another file with --failures.") from None
    others = {file_identity(rows or STDIN), file_identity(STDOUT)}
    if chosen.is_file() and file_identity(chosen) in others:
        raise Misused(
            f"{chosen} holds the rows or takes the answers: name another file with --failures."
        )
    return chosen


def report(failed: Sequence[Asked], total: int, to: Path) -> None:
    """Write the rows that failed. Raises ProviderFailed when there are any."""
    try:
        if not failed:
            output_file.remove(to)  # of an earlier run, whose failed rows are answered now
            return
        lines = (json.dumps(_failure(asked), ensure_ascii=False) + "\n" for asked in failed)
        output_file.write(to, "".join(lines).encode())
    except OSError as error:
        raise Failed(f"cannot write {to}: {error.strerror}.") from error
    raise ProviderFailed(
        f"{len(failed):,} of {total:,} rows failed: they are in {to}, with their errors. "
        + _what_follows(failed)
    )


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


def _failure(asked: Asked) -> dict[str, Any]:
    error = asked.error or AskcliError("unknown")
    fields = {"code": error.code, "detail": error.detail, "question_id": error.question_id}
    return asked.row.fields | {"error": {k: v for k, v in fields.items() if v is not None}}
