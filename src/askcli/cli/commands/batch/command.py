"""askcli batch: questions in, answers out, each asked and paid for once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from askcli.cli.commands.batch import rows
from askcli.cli.commands.batch.pool import Asked, ask_all
from askcli.cli.commands.models import ensure_local_model
from askcli.cli.input import options
from askcli.cli.output import console
from askcli.cli.output.progress import RowProgress
from askcli.errors import AskcliError, Failed, Misused, ProviderFailed


def batch(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON Lines: a question each; `-` is stdin.")
    ],
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-j", min=1, max=64, help="How many at once.")
    ] = 8,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="For rows that name none.")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", "-s", help="For rows that have none.")
    ] = None,
    run: Annotated[
        str, typer.Option("--run", metavar="NAME", help="A new name asks all rows anew.")
    ] = "",
    failures: Annotated[
        Path | None,
        typer.Option("--failures", metavar="FILE", help="Where to write the rows that failed."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress on stderr, only errors.")
    ] = False,
    server: options.Server = None,
    profile: options.Profile = None,
    timeout: options.Timeout = None,
) -> None:
    """Ask many questions; when it is killed, the same command goes on where it was.

    Each line is {"question", "system"?, "model"?, "conversation_id"?, "max_tokens"?, "id"?} or a
    string. Each answer is a line on stdout, in the same order: {"row", "row_id"?, …as in history}.
    """
    path = None if str(file) == "-" else file
    failures = failures or _beside(path)
    if not os.access(failures.absolute().parent, os.W_OK):  # better told before than after
        raise Misused(f"cannot write {failures}: name another file with --failures.")
    connection = options.connection(server, profile, timeout)
    told = {"model": model, "system": system}
    defaults = {name: value for name, value in told.items() if value is not None}
    with rows.opened(path) as opened:
        # Every row is looked at before one is asked.
        total = sum(1 for _ in rows.read(opened, run, defaults))
        if connection.place.socket:
            ensure_local_model(connection.settings, console.note)
        with connection.open() as api, RowProgress(total, is_quiet=quiet) as progress:
            wanted = rows.read(opened, run, defaults)
            try:
                failed = _print(ask_all(api, wanted, concurrency, progress.tell), progress)
            except (AskcliError, KeyboardInterrupt):
                progress.tell("askcli: stopped; the same command goes on where this one was.")
                raise
    _tell_failures(failed, total, failures)


def _beside(path: Path | None) -> Path:
    return path.with_suffix(".failed.jsonl") if path else Path("batch.failed.jsonl")


def _print(answers: Iterator[Asked], progress: RowProgress) -> list[Asked]:
    """Print what was answered; the rows that failed."""
    failed = []
    for asked in answers:
        if asked.question is None:
            failed.append(asked)
            progress.update(0.0, has_failed=True)
            continue
        named = {"row_id": asked.row.said["id"]} if "id" in asked.row.said else {}
        console.out_json({"row": asked.row.number, **named, **asked.question})
        progress.update(asked.question["cost_usd"])
    return failed


def _tell_failures(failed: list[Asked], total: int, path: Path) -> None:
    """Write the rows that failed; raises when there are any."""
    try:
        if not failed:
            path.unlink(missing_ok=True)  # of an earlier run: what failed then is answered now
            return
        with path.open("w", encoding="utf-8") as file:
            for asked in failed:
                file.write(json.dumps(_failure(asked), ensure_ascii=False) + "\n")
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}.") from error
    raise ProviderFailed(
        f"{len(failed):,} of {total:,} rows failed: they are in {path}, with their errors. "
        "The same command asks them again, and only them."
    )


def _failure(asked: Asked) -> dict[str, Any]:
    error = asked.error or AskcliError("unknown")
    told = {"code": error.code, "detail": error.detail, "question_id": error.question_id}
    return asked.row.said | {"error": {k: v for k, v in told.items() if v is not None}}
