"""askcli token: tokens for scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from askcli.cli.input import options
from askcli.cli.output import console
from askcli.client.api import Api
from askcli.errors import Misused, NotFound

app = typer.Typer(help="Tokens for scripts and CI.", no_args_is_help=True)

SCOPES = ("ask", "read")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="ask, read; give it twice for both [ask]."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it is good.")] = 90,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Make a token and print it, this once; use it as ASKCLI_TOKEN."""
    wanted = scopes or ["ask"]
    if not set(wanted) <= set(SCOPES):
        raise Misused("a scope is ask or read.")
    with options.connected(server, profile) as api:
        token = api.create_token(name, sorted(set(wanted)), days)
    if as_json:
        console.out_json(token)
        return
    console.out(token["token"] + "\n")
    console.note(
        f"Good for {', '.join(token['scopes'])} until {console.minute(token['expires_at'])}. "
        "It is not shown again."
    )


@app.command("list")
def list_(
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """List your tokens, the newest first."""
    with options.connected(server, profile) as api:
        found = api.tokens()
    if as_json:
        console.out_json({"items": found})
        return
    for token in found:
        used = token["last_used_at"]
        told = f"used {console.minute(used)}" if used else "never used"
        console.out(
            f"{token['id']}  {token['name']}  {','.join(token['scopes'])}, {told}, "
            f"until {console.minute(token['expires_at'])}\n"
        )
    if not found:
        console.note("No tokens yet: make one with `askcli token create NAME`.")


@app.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(metavar="ID|NAME")],
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """End a token at once."""
    with options.connected(server, profile) as api:
        api.revoke_token(_id(api, which))
    console.note("Revoked the token.")


def _id(api: Api, which: str) -> str:
    found = [token["id"] for token in api.tokens() if which in (token["id"], token["name"])]
    if not found:
        raise NotFound(detail=f"there is no token {which!r}; `askcli token list` shows them.")
    if len(found) > 1:
        raise Misused(f"{len(found)} tokens are named {which!r}: name one by its id.")
    return found[0]
