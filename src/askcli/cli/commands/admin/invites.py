"""askcli invite: the host's codes that let somebody register."""

from __future__ import annotations

import sys
from typing import Annotated
from uuid import UUID

import typer

from askcli.cli.commands.admin import database
from askcli.cli.input import options
from askcli.cli.input.numbers import number
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console
from askcli.cli.reference import groups

app = groups.new("The host's: codes to register with.", no_args_is_help=True)


@app.command("create")
def create(
    comment: Annotated[
        str,
        typer.Option("--note", metavar="TEXT", help="A comment, such as a name."),
    ] = "",
    uses: Annotated[int, number("--uses", high=10_000, help_="Registrations that it allows.")] = 1,
    days: Annotated[int, number("--days", high=366, help_="Days until it expires.")] = 7,
    as_json: options.Json = False,
) -> None:
    """Create an invite and print its code (it is not shown again)."""
    from askcli.services.auth import invites

    with database.transaction() as connection:
        invite = invites.create(connection, comment, uses, days)
    if as_json:
        console.out_json(invite)
        return
    console.out(invite["code"] + "\n")
    console.note(
        f"For {counted(uses, 'registration')}, "
        f"until {console.format_time(invite['expires_at'], sys.stderr)}: "
        "askcli register --server URL --invite CODE"
    )


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the invites, the newest first."""
    from askcli.services.auth import invites

    with database.reading() as connection:
        rows = invites.list_all(connection)
    if as_json:
        console.out_json({"items": rows})
        return
    for row in rows:
        until = console.format_time(row["expires_at"])
        uses = counted(row["uses_left"], "registration")
        console.out(f"{row['id']}  {uses}, until {until}  {' '.join(row['note'].split())}\n")
    if not rows:
        console.note("No invites.")


@app.command("revoke")
def revoke(invite_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End an invite."""
    from askcli.services.auth import invites

    id_ = UUID(options.parse_id(invite_id, "invite list"))
    with database.transaction() as connection:
        invites.revoke(connection, id_)
    console.note("Revoked the invite.")
