"""askcli store: the server's database as a whole: moved, backed up, restored."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from askcli import settings
from askcli.cli.input import options, prompts
from askcli.cli.output.terminal import console
from askcli.cli.output.terminal.row_counts import RowCounts
from askcli.cli.reference import groups
from askcli.errors import Failed, Misused
from askcli.files import belongs_to_another_sharer

if TYPE_CHECKING:
    from askcli.store.database import Database

app = groups.new("The host's: move the database, back it up and restore it.", no_args_is_help=True)


@app.command("copy")
def copy(
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="The database to copy [DB_CONN_STRING]."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--to", metavar="URL", help="An empty, migrated one [ASKCLI_COPY_TO]."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Copy everything into another database, SQLite or PostgreSQL; if interrupted, go on.

    Stop all servers first, and start them on the target when it says that all is there. URLs with
    passwords are for the variables: each user of the machine sees the arguments of a command.
    """
    from askcli.store.copies import copying

    flags = {"db_conn_string": source, "copy_to": target}
    options_ = settings.load(flags, dotenv=True)
    if not options_.target_url:
        raise Misused("the target is missing: name it with --to, or with ASKCLI_COPY_TO.")
    _check_has_no_password("--from", "DB_CONN_STRING", source)
    _check_has_no_password("--to", "ASKCLI_COPY_TO", target)
    with (
        _opened("the source", options_.database_url) as old,
        _opened("the target", options_.target_url) as new,
        RowCounts() as progress,
    ):
        checksums = copying.copy(old, new, progress.begin, progress.update)
    rows = {name: (one.rows, one.digest) for name, one in checksums.items()}
    if as_json:
        tables = {name: {"rows": count, "sha256": digest} for name, (count, digest) in rows.items()}
        console.out_json({"tables": tables})
        return
    for name, (count, digest) in rows.items():
        console.out(f"{digest}  {count:>12,}  {name}\n")
    console.note("All rows are in the target, and have the same checksums there.")


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace FILE without asking.")] = False,
) -> None:
    """Write the SQLite database as it is now into a file, while servers use it."""
    from askcli.files import open_files
    from askcli.store.copies import backups
    from askcli.store.database import sqlite_files

    database = _sqlite_file("pg_dump")
    if not sqlite_files.is_file(database):
        raise Failed(f"there is no database {database}.")
    target = _target(file)
    if target in {_target(one) for one in (database, *sqlite_files.log_files(database))}:
        raise Misused(f"{file} is the database itself: name another file.")
    if open_files.name_of_open_file(file) or (target.exists() and not target.is_file()):
        raise Misused(f"{file} is no ordinary file: name one, new or to be replaced.")
    if belongs_to_another_sharer(file):
        raise Misused(f"{file} is another user's, in a directory that users share: name another.")
    if target.exists() and not yes:
        prompts.confirm(f"Replace {target}?", "--yes")
    version = backups.write(database, target)
    size = target.stat().st_size / 1e6
    console.note(f"Wrote {target}: {size:,.1f} MB, version {version}, checked.")


def _target(file: Path) -> Path:
    """Return the file to which a link leads: the link stays one. Raises Misused for a circle."""
    try:
        return Path(os.path.realpath(file, strict=True))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Misused(f"{file} is a link that leads to itself.") from None
        return Path(os.path.realpath(file))


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
) -> None:
    """Put a backup in the place of the SQLite database, which is kept under another name."""
    from askcli.store import migrations
    from askcli.store.copies import restoring
    from askcli.store.database import sqlite_files

    database = _sqlite_file("pg_restore")
    if (
        not file.is_file()
    ):  # SQLite would wait for a pipe's other end, and a Ctrl-C would not end it
        what = "no ordinary file" if file.exists() else "not there"
        raise Failed(f"{file} is {what}: name a backup, as a file of its own.")
    if sqlite_files.exists(place := _target(database)) and not place.is_file():
        raise Misused(f"{database} is no ordinary file: name one as the database.")
    version, aside = restoring.restore(file, database)
    if aside:
        console.note(f"The database that was there is now {aside}.")
    rest = "" if version == migrations.HEAD else f", which `askcli serve` migrates from {version}"
    console.note(f"Restored {database} from {file}{rest}.")


def _sqlite_file(program: str) -> Path:
    """Return the file of the settings' database. Raises Misused for a PostgreSQL."""
    from askcli.store.database import urls

    url = urls.parse(settings.load(dotenv=True).database_url)
    console.note(f"Database: {urls.shown(url)}")
    if url.get_backend_name() != "sqlite":
        raise Misused(
            f"this is for SQLite alone: for PostgreSQL use {program}, as docs/operations.md shows."
        )
    return Path(url.database or "")


def _check_has_no_password(flag: str, variable: str, url: str | None) -> None:
    """Raise Misused for a URL on the command line that has a password."""
    from askcli.store.database import urls

    if url and urls.has_password(urls.parse(url, flag)):
        raise Misused(
            f"{flag} has a password, which all users of this machine could see: "
            f"set {variable} instead."
        )


@contextmanager
def _opened(name: str, url: str) -> Iterator[Database]:
    from askcli.store.database import Database, urls

    console.note(f"{name.capitalize()}: {urls.shown(urls.parse(url, name))}")
    database = Database(url)
    try:
        yield database
    finally:
        database.close()
