"""askcli serve and migrate: the host's commands, and the only ones that load the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, NoReturn

import typer

from askcli import settings
from askcli.cli.commands.admin import database
from askcli.cli.input import variables
from askcli.cli.input.numbers import number
from askcli.cli.output.terminal import console
from askcli.client import local_server
from askcli.settings import Settings

# Exit codes of `migrate --check`, which no error has.
BEHIND, OTHER = 8, 9


def serve(
    host: Annotated[
        str | None, typer.Option("--host", metavar="TEXT", help="Address to listen on [127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None, number("--port", low=0, high=65_535, help_="Port to listen on [3000].")
    ] = None,
    workers: Annotated[int, number("--workers", high=256, help_="Number of processes.")] = 1,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the local server that `ask` started.")
    ] = False,
) -> None:
    """Serve the API on this machine."""
    if stop:
        _stop()
    else:
        from askcli.server.process import stop_requests

        stop_requests.remember_hang_up()
        flags = {"host": host, "port": port}
        variables.report_unknown(dotenv=True)
        _report_dotenv(flags)
        _serve(partial(settings.load, flags, dotenv=True), workers)


def _stop() -> None:
    servers, answers = local_server.stop(settings.load())
    if answers:
        is_one = answers == 1
        finishing = f"{answers:,} answer{' is' if is_one else 's are'} finishing"
        console.note(f"Stopping the local server: {finishing}, and it ends after them.")
    else:
        console.note("Stopped the local server." if servers else "No local server is running.")


def _report_dotenv(flags: Mapping[str, object]) -> None:
    names = settings.dotenv_names(flags)
    if names is not None:
        console.note(f"Read .env: {', '.join(names) or 'it sets no setting of `serve`'}.")


def _serve(load: Callable[[], Settings], workers: int) -> None:
    options = load()
    from askcli.server.process.serve import serve_tcp, serve_workers

    if workers > 1:
        serve_workers(options, workers)
    else:
        serve_tcp(options, load)


def migrate(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Change nothing: print the schema's state. Exit code 0: this version serves it (up"
            " to date, or one version newer); 8: it is behind; 9: it is too"
            " new, or a copy into it has not ended.",
        ),
    ] = False,
) -> None:
    """Bring the database's schema to this version."""
    from askcli.store import migrations
    from askcli.store.checks import connection_errors

    with database.database(create=not check) as opened, connection_errors(opened):
        if check:
            _check(migrations.version_of(opened))
        before, after = migrations.upgrade(opened)
    if before != after:
        console.note(f"Migrated the database from {before or 'nothing'} to version {after}.")
    elif after == migrations.HEAD:
        console.note(f"The database is at version {after} already.")
    else:
        console.note(f"The database is at version {after}: {migrations.State.NEXT.value}.")


def _check(version: str | None) -> NoReturn:
    """Print the state of a schema of this version, and end with its exit code."""
    from askcli.store import migrations

    state = migrations.state(version)
    console.out(f"{state.value}: the schema is {version or 'empty'}, ours is {migrations.HEAD}\n")
    is_served = state in (migrations.State.CURRENT, migrations.State.NEXT)
    raise typer.Exit(0 if is_served else BEHIND if state is migrations.State.BEHIND else OTHER)
