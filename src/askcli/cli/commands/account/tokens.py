"""askcli token: tokens for scripts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from askcli.cli.input import options
from askcli.cli.input.numbers import number
from askcli.cli.output import times
from askcli.cli.output.terminal import console
from askcli.cli.reference import groups
from askcli.client.api import Api
from askcli.errors import Misused, NotFound

app = groups.new("Tokens for scripts and CI.", no_args_is_help=True)

SCOPES = ("ask", "read")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name to recognise it by.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="TEXT", help="ask or read; repeat it for both [ask]."),
    ] = None,
    days: Annotated[int, number("--days", high=366, help_="Days until it expires.")] = 90,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Create a token and print it (it is not shown again); use it as ASKCLI_TOKEN."""
    requested = scopes or ["ask"]
    if not set(requested) <= set(SCOPES):
        raise Misused("a scope is ask or read.")
    with options.connected(server, profile) as api:
        token = api.create_token(name, sorted(set(requested)), days)
    if as_json:
        console.out_json(token)
        return
    console.out(token["token"] + "\n")
    until = console.format_time(token["expires_at"], sys.stderr)
    console.note(
        f"Scopes: {', '.join(token['scopes'])}; valid until {until}. It is not shown again."
    )


@app.command("list")
def list_(
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """List your tokens, the newest first."""
    with options.connected(server, profile) as api:
        items = api.tokens()
    if as_json:
        console.out_json({"items": items})
        return
    for token in items:
        used = token["last_used_at"]
        last_use = f"used {times.ago(used)}" if used else "never used"
        console.out(
            f"{token['id']}  {token['name']}  {','.join(token['scopes'])}, {last_use}, "
            f"until {console.format_time(token['expires_at'])}\n"
        )
    if not items:
        console.note("No tokens yet: make one with `askcli token create NAME`.")


@app.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(metavar="ID|NAME")],
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Revoke a token; it is refused from now on."""
    with options.connected(server, profile) as api:
        api.revoke_token(_id(api, which))
    console.note("Revoked the token.")


def _id(api: Api, which: str) -> str:
    ids = [token["id"] for token in api.tokens() if which in (token["id"], token["name"])]
    if not ids:
        raise NotFound(detail=f"there is no token {which!r}; `askcli token list` shows them.")
    if len(ids) > 1:
        raise Misused(f"{len(ids)} tokens are named {which!r}: name one by its id.")
    return ids[0]
