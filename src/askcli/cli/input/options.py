"""Options that several commands share, and the connection that they lead to."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from askcli import settings
from askcli.cli.input import variables
from askcli.cli.input.numbers import number
from askcli.client.api import Api
from askcli.client.target import Connection, resolve
from askcli.errors import Misused

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="The server; default: one on this machine."),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="A named login: a server and an account."),
]
Timeout = Annotated[
    int | None,
    number(
        "--timeout",
        high=86_400,
        metavar="SECONDS",
        help_="Time limit for the whole command, in seconds.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Email = Annotated[str | None, typer.Option("--email", metavar="TEXT", help="Your email.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="TEXT",
        help="Model, kept for the rest of the conversation; see `askcli models`.",
    ),
]
System = Annotated[
    str | None,
    typer.Option(
        "--system",
        "-s",
        metavar="TEXT",
        help="System prompt, kept for the rest of the conversation.",
    ),
]
User = Annotated[str, typer.Argument(metavar="EMAIL|ID", help="A user of this server.")]
KeepTokens = Annotated[
    bool, typer.Option("--keep-tokens", help="Keep the API tokens; else they are revoked.")
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin.")
]

# Of `ask`.
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[QUESTION]...", help="The question; stdin is added to it, `-` is stdin alone."
    ),
]
Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file", "-f", metavar="FILE", help="Add a text file, `-` for stdin; may be repeated."
    ),
]
Continue = Annotated[
    bool, typer.Option("--continue", "-c", help="Continue this terminal's last conversation.")
]
ConversationId = Annotated[
    str | None,
    typer.Option(
        "--conversation",
        metavar="ID",
        help="Continue this conversation, @ the last question's; overrides -c.",
    ),
]
MaxTokens = Annotated[
    int | None,
    number("--max-tokens", help_="Limit of the answer's length, in tokens."),
]
Rejoin = Annotated[
    str | None,
    typer.Option(
        "--rejoin", metavar="[ID]", help="Follow an answer again; without ID, the last one."
    ),
]
Retry = Annotated[
    str | None,
    typer.Option(
        "--retry",
        metavar="[ID]",
        help="Ask a question again, as it was unless options change it; without ID, the last one.",
    ),
]
NoStdin = Annotated[bool, typer.Option("--no-stdin", help="Do not read stdin.")]
Ndjson = Annotated[bool, typer.Option("--ndjson", help="Print the events, one JSON object a line.")]
Raw = Annotated[bool, typer.Option("--raw", help="Print plain text, exactly as it came.")]
OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to FILE, which is replaced only once all of it is there.",
    ),
]
CodeOnly = Annotated[
    bool,
    typer.Option(
        "--code", "-x", help="Print the last block of code alone, once the answer is whole."
    ),
]
AllCode = Annotated[
    bool,
    typer.Option("--all-code", help="Print all blocks of code alone, once the answer is whole."),
]
Copy = Annotated[
    bool, typer.Option("--copy", help="Copy the whole answer, or its code, to the clipboard.")
]
OpenPage = Annotated[
    bool, typer.Option("--open", help="Open question and answer as a page in the browser.")
]
Edit = Annotated[
    bool,
    typer.Option(
        "--edit", "-e", help="Write the question in $VISUAL or $EDITOR, beginning with the words."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notices on stderr, only errors.")]


def parse_id(text: str, listing: str) -> str:
    """Return the id as it is written in a path.

    Raises Misused for anything else, with the words of the command that lists such ids.
    """
    try:
        return str(UUID(text))
    except ValueError:
        raise Misused(f"{text!r} is not an id; `askcli {listing}` shows ids.") from None


def connection(
    server: str | None = None, profile: str | None = None, timeout: int | None = None
) -> Connection:
    """Return the connection that flags and settings lead to; a client never reads a `.env`.

    Raises Misused for an empty flag, of a script whose variable is not set: another server or
    account would get the question.
    """
    variables.report_unknown()
    flags = {"server": server, "profile": profile, "timeout": timeout}
    if empty := [name for name, value in flags.items() if value == ""]:
        raise Misused(f"--{empty[0]} is empty: name one, or leave it out.")
    loaded = settings.load(flags)
    is_profile_closer = False
    if loaded.server and loaded.profile:
        from askcli.settings.ranks import is_closer  # where both are set

        is_profile_closer = is_closer("profile", "server", flags)
    resolved = resolve(loaded, is_profile_closer=is_profile_closer)
    given = {"--server": server, "--profile": profile}
    words = (f" {flag} {shlex.quote(value)}" for flag, value in given.items() if value)
    return replace(resolved, flags="".join(words))


def connected(server: str | None = None, profile: str | None = None) -> Api:
    """Return the API of the connection, its server started if it is local."""
    return connection(server, profile).open()
