"""askcli logout: this session, another one, or all of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from askcli import settings
from askcli.cli.input import options
from askcli.cli.output import pages
from askcli.cli.output.terminal import console
from askcli.cli.reference import completion_cache
from askcli.client.api import Api
from askcli.client.target import Connection
from askcli.contract.protocol import API_TOKEN_PREFIX
from askcli.errors import AccountDisabled, Misused, NotAuthenticated, SessionEnded


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
    if everywhere and session is not None:
        raise Misused("choose one of --all and --session.")
    connection = options.connection(server, profile)
    if session is not None:
        session_id = options.parse_id(session, "whoami --sessions")
        with connection.open() as api:
            api.end_session(session_id)
        console.note("The session has ended.")
        return
    _leave(connection, everywhere=everywhere)


def _leave(connection: Connection, *, everywhere: bool) -> None:
    given, name = connection.settings.token, connection.address.name
    if given and given.startswith(API_TOKEN_PREFIX) and not everywhere:
        raise Misused(
            f"the API token from {settings.place('token')} has no session: "
            "unset it. With a login, `askcli token revoke NAME` ends it."
        )
    if not given and connection.credentials.current(connection.address.key) is None:
        raise NotAuthenticated(f"not logged in to {name}.")
    with connection.open() as api, api.leaving() as account:
        token = given or (account or {}).get("access_token", "")
        is_api_token = token.startswith(API_TOKEN_PREFIX)
        if everywhere:
            api.end_sessions()
        elif not is_api_token:
            _end_session(api)
    if not given:
        completion_cache.forget_questions()
        pages.forget()
    console.note(f"Logged out of {'all your sessions' if everywhere else name}.")
    if is_api_token:
        console.note(
            "The token itself is still valid; with a login, `askcli token revoke NAME` ends it."
        )


def _end_session(api: Api) -> None:
    # Other refusals are those of a gateway, or of a wrong clock or secret: the session goes on.
    with suppress(SessionEnded, AccountDisabled):
        api.logout()
