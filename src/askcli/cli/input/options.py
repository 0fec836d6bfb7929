"""Options that many commands share, and the settings that they make."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from askcli import settings
from askcli.cli.output import console
from askcli.client.api import Api
from askcli.client.target import Connection, find
from askcli.errors import Misused

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="The server; without one, this machine answers."),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="A server and an account, named at a login."),
]
Timeout = Annotated[
    int | None, typer.Option("--timeout", metavar="SECONDS", help="Give up after so long.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Email = Annotated[str | None, typer.Option("--email", help="Your email.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin.")
]


def an_id(text: str) -> str:
    """The id, as it is written in a path. Raises Misused for what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        raise Misused(f"{text!r} is not an id; `askcli history` shows ids.") from None


def connection(
    server: str | None = None, profile: str | None = None, timeout: int | None = None
) -> Connection:
    """Where a client's command leads; it never reads a `.env`."""
    told = settings.load({"server": server, "profile": profile, "timeout": timeout})
    return find(told, console.note)


def connected(server: str | None = None, profile: str | None = None) -> Api:
    """The API that a command talks to."""
    return connection(server, profile).open()
