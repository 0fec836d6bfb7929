"""askcli users retention: for how long a user's questions are kept."""

from __future__ import annotations

from typing import Annotated

import typer

from askcli import settings
from askcli.cli.commands.admin import database
from askcli.cli.input import options
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console
from askcli.errors import Misused

# A value of the retention setting.
_DAYS = "retention_days"


def retention(
    who: options.User,
    days: Annotated[
        str | None,
        typer.Option(
            "--days",
            metavar="N",
            help="Days after a question's end, `none` for ever, or `default`: the server's.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show or set for how many days after their end a user's questions are kept."""
    from askcli.services import admin as host
    from askcli.store.queries.retention import FOR_EVER

    server_days = settings.load(dotenv=True).retention_days
    with database.reading() if days is None else database.transaction() as connection:
        if days is not None:
            host.set_retention(connection, who, _parse(days, FOR_EVER))
        own = host.find(connection, who)[_DAYS]
    kept = server_days if own is None else None if own == FOR_EVER else own
    source = "server" if own is None else "user"
    if as_json:
        console.out_json({"days": kept, "source": source})
        return
    number = f"{counted(kept, 'day')} after their end" if kept else "until they are deleted"
    console.out(f"questions are kept {number} (the {source}'s)\n")


def _parse(text: str, for_ever: int) -> int | None:
    if text == "default":
        return None
    if text == "none":
        return for_ever
    try:
        return int(settings.parse(_DAYS, text))
    except Misused:
        raise Misused(
            f"--days: {text!r} must be a number from 1 to 36500, none or default."
        ) from None
