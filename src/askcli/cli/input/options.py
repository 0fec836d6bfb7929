"""Options that several commands share, and the connection that they lead to."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from askcli import settings
from askcli.client.api import Api
from askcli.client.target import Connection, resolve
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
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Which model; see `askcli models`.")
]
System = Annotated[str | None, typer.Option("--system", "-s", help="How the model is to answer.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin.")
]


def parse_id(text: str) -> str:
    """Return the id as it is written in a path. Raises Misused for anything else."""
    try:
        return str(UUID(text))
    except ValueError:
        raise Misused(f"{text!r} is not an id; `askcli history` shows ids.") from None


def connection(
    server: str | None = None, profile: str | None = None, timeout: int | None = None
) -> Connection:
    """Return the connection that flags and settings lead to; a client never reads a `.env`."""
    return resolve(settings.load({"server": server, "profile": profile, "timeout": timeout}))


def connected(server: str | None = None, profile: str | None = None) -> Api:
    """Return the API of the connection, its server started if it is local."""
    return connection(server, profile).open()
