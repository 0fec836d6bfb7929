"""askcli logout: this session, another one, or all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from askcli.cli.input import options
from askcli.cli.output import console
from askcli.cli.reference import completion_cache
from askcli.client.api import Api
from askcli.client.target import Connection
from askcli.contract.protocol import API_TOKEN_PREFIX
from askcli.errors import InvalidToken, Misused, NotAuthenticated, Refused, TokenExpired

_NO_SESSION = (
    "ASKCLI_TOKEN is an API token, which has no session: "
    "unset it, or end it with `askcli token revoke`."
)


def logout(
    everywhere: Annotated[bool, typer.Option("--all", help="End all your sessions.")] = False,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="ID", help="End that one; see whoami --sessions."),
    ] = None,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """End the session, here and on the server."""
    if everywhere and session:
        raise Misused("choose one of --all and --session.")
    connection = options.connection(server, profile)
    if session:
        session_id = options.parse_id(session)
        with connection.open() as api:
            api.end_session(session_id)
        console.note("The session has ended.")
        return
    _leave(connection, everywhere=everywhere)


def _leave(connection: Connection, *, everywhere: bool) -> None:
    settings, key = connection.settings, connection.address.key
    account = connection.credentials.current(key)
    if not settings.token and account is None:
        raise NotAuthenticated(f"not logged in to {connection.address.name}.")
    token = settings.token or (account or {}).get("access_token", "")
    is_api_token = token.startswith(API_TOKEN_PREFIX)
    if is_api_token and settings.token and not everywhere:
        raise Misused(_NO_SESSION)
    with connection.open() as api:
        if everywhere:
            api.end_sessions()
        elif not is_api_token:
            _end_session(api)
    if not settings.token:
        with connection.credentials.update(key) as entry:
            entry.remove()
        completion_cache.forget_questions()
    what = "all your sessions" if everywhere else connection.address.name
    console.note(f"Logged out of {what}.")
    if is_api_token:
        console.note("The token itself is still valid; `askcli token revoke` ends it.")


def _end_session(api: Api) -> None:
    try:
        api.logout()
    except (InvalidToken, TokenExpired):  # by a wrong clock or secret: the session goes on
        raise
    except (NotAuthenticated, Refused):  # it has ended already
        pass
