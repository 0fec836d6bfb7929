"""askcli batch: the questions of a file, each asked and paid for once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from askcli.cli.commands.batch import rows
from askcli.cli.commands.batch.failures import FailuresFile
from askcli.cli.commands.batch.pool import Asked, ask_all
from askcli.cli.commands.models import ensure_local_model
from askcli.cli.input import options
from askcli.cli.input.numbers import number
from askcli.cli.output.terminal import console, notices
from askcli.cli.output.terminal.progress import RowProgress
from askcli.client.http.deadline import within
from askcli.client.target import Connection
from askcli.errors import AskcliError, TimedOut

log = logging.getLogger("askcli.notices")

RowsFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON Lines: a question each; `-` is stdin.")
]
Concurrency = Annotated[
    int, number("--concurrency", "-j", high=64, help_="Questions asked at the same time.")
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="TEXT", help="For rows without a model.")
]
System = Annotated[
    str | None,
    typer.Option("--system", "-s", metavar="TEXT", help="For rows without a system prompt."),
]
Run = Annotated[
    str,
    typer.Option("--run", metavar="NAME", help="Name of the run; a new name asks all rows again."),
]
FailuresPath = Annotated[
    Path | None,
    typer.Option("--failures", metavar="FILE", help="File for the rows that failed."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr, only errors.")]


def batch(
    file: RowsFile,
    concurrency: Concurrency = 8,
    model: Model = None,
    system: System = None,
    run: Run = "",
    failures_path: FailuresPath = None,
    quiet: Quiet = False,
    server: options.Server = None,
    profile: options.Profile = None,
    timeout: options.Timeout = None,
) -> None:
    """Ask many questions. If interrupted, the same command resumes.

    Each line is {"question", "system"?, "model"?, "conversation_id"?, "max_tokens"?, "id"?} or a
    string. Each answer is a line on stdout, in the same order: {"row", "row_id"?, …as in history}.
    """
    path = None if str(file) == "-" else file
    rows.check_readable(path)
    failures = FailuresFile(failures_path, path, is_quiet=quiet)
    connection = options.connection(server, profile, timeout)
    fields = {"model": model, "system": system}
    defaults = {name: value for name, value in fields.items() if value is not None}
    late = TimedOut(f"the batch did not end within {timeout} s; the same command resumes.")
    with ExitStack() as stack:
        with within(timeout, late):
            source = stack.enter_context(rows.opened(path))
            checked = rows.CheckedRows(source, run, defaults)
            failed = _ask(connection, checked, concurrency, is_quiet=quiet)
        failures.report(failed, checked)


def _ask(
    connection: Connection, checked: rows.CheckedRows, concurrency: int, *, is_quiet: bool
) -> list[Asked]:
    """Ask the rows, if there are any, and print the answers; return the rows that failed."""
    if not checked:
        if not is_quiet:
            log.info("askcli: there are no rows to ask.")
        return []
    if connection.is_local:
        ensure_local_model(connection.settings)
    with connection.open() as api, RowProgress(len(checked), is_quiet=is_quiet) as progress:
        return _print(ask_all(api, iter(checked), concurrency), progress)


def _print(answers: Iterator[Asked], progress: RowProgress) -> list[Asked]:
    """Print the answered rows as they come; return the rows that failed."""
    with notices.written_by(progress.write):
        try:
            return [asked for asked in answers if not _print_row(asked, progress)]
        except (AskcliError, KeyboardInterrupt):
            log.info("askcli: stopped; the same command resumes.")
            raise


def _print_row(asked: Asked, progress: RowProgress) -> bool:
    """Print the row unless it failed; return whether it was answered."""
    if asked.question is None:
        progress.update(0.0, has_failed=True)
        return False
    row_id = {"row_id": asked.row.fields["id"]} if "id" in asked.row.fields else {}
    own = {"row": asked.row.number, **row_id}
    console.out_json(own | asked.question | own)  # a later version's question may have such fields
    progress.update(asked.question["cost_usd"])
    return True
