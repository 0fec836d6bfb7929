"""askcli audit: the host's log of logins, failures, disables and deletes."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from askcli.cli.commands.admin import database
from askcli.cli.input import options
from askcli.cli.input.numbers import number
from askcli.cli.output.terminal import console
from askcli.errors import Misused


def audit(
    user: Annotated[
        str | None, typer.Option("--user", metavar="EMAIL|ID", help="Only this user's.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="TEXT", help="Only this event, such as reuse."),
    ] = None,
    limit: Annotated[int, number("--limit", "-n", high=1_000_000, help_="Number of entries.")] = 50,
    as_json: options.Json = False,
) -> None:
    """The host's: show the audit log, the newest entries first."""
    from askcli.services import admin as host

    _check_event(event)
    with database.reading() as connection:
        entries = host.audit_entries(connection, limit, user, event)
    if as_json:
        console.out_json({"items": entries})
        return
    for entry in entries:
        columns = [entry["user_id"] or "-", entry["address"] or "-", entry["detail"] or ""]
        at = console.format_time(entry["at"], timespec="seconds")
        console.out(f"{at}  {entry['event']:17} {'  '.join(columns).rstrip()}\n")


def _check_event(event: str | None) -> None:
    """Raise Misused for an event that is never written: no entries would mean that all is well."""
    from askcli.services.audit import Event

    if event is not None and event not in get_args(Event):
        raise Misused(f"there is no event {event!r}; there are {', '.join(get_args(Event))}.")
